"""The parts of a trial: a training for each fold, and all of them again for each repeat.

A checkpoint says how far a trial has come through them beside the training's state.
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
    """One training of a trial; all numbers are from 0.

    Attributes:
        number: its place among them, in which the history keeps it as its fold.
        fold: what it is trained and validated on.
        repeat: which seed it has.
    """

    number: int
    fold: int
    repeat: int


def of_trial(folds: int, repeats: int) -> list[TrialTraining]:
    """Every fold in turn, then all of them with the next seed."""
    return [TrialTraining(n, n % folds, n // folds) for n in range(folds * repeats)]


@dataclass(frozen=True)
class TrialProgress:
    """Results of the parts that are done.

    Attributes:
        values: best epoch's cost of each.
        best_epochs: number of that epoch in each.
        spent_s: seconds that the trial has taken so far, the part under way included.
    """

    values: tuple[float, ...] = ()
    best_epochs: tuple[int, ...] = ()
    spent_s: float = 0.0

    @property
    def done(self) -> int:
        """How many parts are done."""
        return len(self.values)

    @property
    def value(self) -> float:
        """The mean over the parts."""
        return float(np.mean(self.values))

    @property
    def standard_error(self) -> float | None:
        """Of that mean; None for a single part."""
        if self.done < 2:
            return None
        return float(np.std(self.values, ddof=1) / np.sqrt(self.done))

    def with_part(self, best: Epoch) -> TrialProgress:
        """One more part is done."""
        return TrialProgress((*self.values, best.value), (*self.best_epochs, best.number))

    def described(self, folds: int, sign: float = 1.0) -> dict[str, Any]:
        """Attributes of a trial of several parts: standard error, value of each fold or repeat.

        Args:
            folds: of the study.
            sign: what a cost is multiplied with to be a value.
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
        """The value of each fold, the mean over its repeats."""
        return [float(np.mean(self.values[fold::folds])) for fold in range(folds)]

    def by_repeat(self, folds: int) -> list[float]:
        """The value of each repeat, the mean over its folds."""
        starts = range(0, self.done, folds)
        return [float(np.mean(self.values[start : start + folds])) for start in starts]

    def running(self, value: float) -> float:
        """What is reported for an epoch: the mean of the parts done and of the one under way."""
        return float(np.mean([*self.values, value]))


def write(progress: TrialProgress, blob: bytes, predictions: bytes = b"") -> bytes:
    """A checkpoint: one line with its checksum and JSON, predictions, the training's own bytes."""
    about = {"predictions": [len(predictions), _checksum(predictions).decode()]}
    line = json.dumps({**asdict(progress), **about}).encode()
    return _checksum(line) + b" " + line + b"\n" + predictions + blob


def read(checkpoint: bytes | None) -> tuple[TrialProgress, bytes | None, bytes]:
    """Take a checkpoint apart: progress, the training's own bytes, predictions.

    Raises:
        ValueError: it is not one.
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
