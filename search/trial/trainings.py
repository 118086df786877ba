"""The parts of a trial: one training per fold, and all of these again for each repeat.

A checkpoint holds the results of the finished parts and the state of the training under way.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from studyhall.search.training.epoch import Epoch


@dataclass(frozen=True)
class TrialTraining:
    """One training (part) of a trial; all numbers are from 0.

    Attributes:
        number: index among the trainings; the history records it as its fold.
        fold: fold that it is trained and validated on.
        repeat: index of the repeat, which determines the seed.
    """

    number: int
    fold: int
    repeat: int


def of_trial(folds: int, repeats: int) -> list[TrialTraining]:
    """Return the trainings in order: every fold, then all folds again for the next repeat."""
    return [TrialTraining(n, n % folds, n // folds) for n in range(folds * repeats)]


@dataclass(frozen=True)
class TrialProgress:
    """The results of the finished parts of a trial.

    Attributes:
        values: cost of the best epoch of each part.
        best_epochs: number of that epoch in each part.
        spent_s: seconds spent on the trial so far, including the part under way.
    """

    values: tuple[float, ...] = ()
    best_epochs: tuple[int, ...] = ()
    spent_s: float = 0.0

    @property
    def done(self) -> int:
        """The number of finished parts."""
        return len(self.values)

    @property
    def value(self) -> float:
        """The mean cost over the parts."""
        return float(np.mean(self.values))

    @property
    def standard_error(self) -> float | None:
        """The standard error of the mean; None for a single part."""
        if self.done < 2:
            return None
        return float(np.std(self.values, ddof=1) / np.sqrt(self.done))

    def with_part(self, best: Epoch) -> TrialProgress:
        """Return the progress with one more finished part."""
        return TrialProgress((*self.values, best.value), (*self.best_epochs, best.number))

    def described(self, folds: int, sign: float = 1.0) -> dict[str, Any]:
        """Return attributes of a trial of several parts: standard error, values per fold or repeat.

        Args:
            folds: number of folds of the study.
            sign: factor that turns a cost into a value of the objective.
        """
        if self.standard_error is None:
            return {}
        found: dict[str, Any] = {"standard_error": self.standard_error}
        if folds > 1:
            found["folds"] = [sign * value for value in self.by_fold(folds)]
        if self.done > folds:
            found["repeats"] = [sign * value for value in self.by_repeat(folds)]
        return found

    def by_fold(self, folds: int) -> list[float]:
        """Return the cost of each fold, averaged over the repeats."""
        return [float(np.mean(self.values[fold::folds])) for fold in range(folds)]

    def by_repeat(self, folds: int) -> list[float]:
        """Return the cost of each repeat, averaged over the folds."""
        starts = range(0, self.done, folds)
        return [float(np.mean(self.values[start : start + folds])) for start in starts]

    def running(self, value: float) -> float:
        """Return the cost to report for an epoch: the mean over finished parts and this epoch."""
        return float(np.mean([*self.values, value]))


def write(progress: TrialProgress, blob: bytes, predictions: bytes = b"") -> bytes:
    """Write a checkpoint: a line of checksum and JSON, then predictions, then the training state.

    Args:
        progress: results of the finished parts.
        blob: state of the training under way.
        predictions: out-of-fold predictions of the finished parts.
    """
    about = {"predictions": [len(predictions), _checksum(predictions).decode()]}
    line = json.dumps({**asdict(progress), **about}).encode()
    return _checksum(line) + b" " + line + b"\n" + predictions + blob


def read(checkpoint: bytes | None) -> tuple[TrialProgress, bytes | None, bytes]:
    """Read a checkpoint; return progress, training state and predictions.

    Raises:
        ValueError: the checkpoint is damaged.
    """
    if checkpoint is None:
        return TrialProgress(), None, b""
    first, _, rest = checkpoint.partition(b"\n")
    checksum, _, line = first.partition(b" ")
    if checksum != _checksum(line):
        raise ValueError("its first line is damaged")
    found = json.loads(line)
    spent_s = found.get("spent_s", 0.0)
    size, wanted = found.get("predictions", [0, _checksum(b"").decode()])
    if _checksum(rest[:size]).decode() != wanted:
        raise ValueError("its predictions are damaged")
    progress = TrialProgress(tuple(found["values"]), tuple(found["best_epochs"]), spent_s)
    return progress, rest[size:], rest[:size]


def _checksum(line: bytes) -> bytes:
    return hashlib.sha256(line).hexdigest().encode()
