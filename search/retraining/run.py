"""How one retraining goes: fold by fold, saved on the way, within its time."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Literal

from studyhall.search.training.engine import Training
from studyhall.search.training.epoch import Epoch
from studyhall.search.trial.checkpoints import Checkpoints
from studyhall.search.trial.context import TrialFailed
from studyhall.search.trial.time_limit import TimeLimit, Watchdog


class Left(Exception):  # noqa: N818  no error: somebody has asked to stop
    """It was left between two epochs, with a checkpoint."""


@dataclass(frozen=True)
class Ended:
    """A fold that is trained: its best epoch, and how many epochs it took."""

    best: Epoch
    epochs: int


class Course:
    """One retraining under way in this process, from its checkpoint to its end.

    Args:
        number: of its trial.
        checkpoints: its own.
        leave: whether to leave after the epoch under way.
        fail: writes down for which reason it has failed, where it hangs.

    Attributes:
        ended: the folds that are trained.
        limit: its time.
    """

    def __init__(
        self,
        number: int,
        checkpoints: Checkpoints,
        leave: Callable[[], bool],
        fail: Callable[[str], None],
    ) -> None:
        self._number, self._checkpoints = number, checkpoints
        self._leave, self._fail = leave, fail
        self._epochs = 0
        self.ended: list[Ended] = []

    def begin(self, minutes: float | Literal["none"], folds: int) -> None:
        """Find out how far it has come.

        Args:
            minutes: how long it may take.
            folds: how many there are.
        """
        self._progress, self._blob, carried = self._checkpoints.find()
        self.ended = _read(carried)
        self.limit = TimeLimit(minutes, folds, self._progress.spent_s)

    @property
    def watchdog(self) -> Watchdog:
        """Watches over the next fold."""
        return Watchdog(self._number, self.limit, lambda: self._epochs, self._fail)

    def take(self, fold: int, begin: Callable[[], Training]) -> Training:
        """Train a fold to its end.

        Args:
            begin: a training of it that has not begun.

        Raises:
            TrialFailed: a loss is no number.
            Left: somebody has asked to stop.
            LeaseLost: another process has it now.
        """
        run = begin()
        if self._blob is not None and not self._checkpoints.restore(run, self._blob):
            run = begin()
        self._train(fold, run)
        assert run.best is not None  # every epoch was finite
        self._progress, self._blob = self._progress.with_part(run.best), None
        self.ended.append(Ended(run.best, len(run.history)))
        return run

    def _train(self, fold: int, run: Training) -> None:
        before = run.ahead  # epochs of the checkpoint
        for epoch in run.epochs(before):
            if not math.isfinite(epoch.value):
                raise TrialFailed(f"validation loss {epoch.value} at epoch {epoch.number}")
            self._epochs += 1
            self.limit.count_epoch()
            if self._leave():
                self._save(fold, run)
                raise Left
            if self._checkpoints.is_due(self._checkpoints.step(fold, epoch.number)):
                self._save(fold, run)
            if self.limit.is_over(fold) and not run.ahead:
                return

    def _save(self, fold: int, run: Training) -> None:
        spent = replace(self._progress, spent_s=self.limit.spent_s)
        carried = json.dumps([asdict(each) for each in self.ended]).encode()
        self._checkpoints.save(spent, fold, run, carried)


def _read(carried: bytes) -> list[Ended]:
    """The folds that a checkpoint says are trained."""
    found = json.loads(carried or b"[]")
    return [Ended(Epoch(**each["best"]), each["epochs"]) for each in found]
