"""How far a trial has come through its folds; a checkpoint says it beside the training's state."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

import numpy as np

from search.training.epoch import Epoch


@dataclass(frozen=True)
class Progress:
    """Results of the folds that are done.

    Attributes:
        values: best epoch's value of each.
        best_epochs: number of that epoch in each.
        spent_s: seconds that the trial has taken so far, the fold under way included.
    """

    values: tuple[float, ...] = ()
    best_epochs: tuple[int, ...] = ()
    spent_s: float = 0.0

    @property
    def done(self) -> int:
        """How many folds are done."""
        return len(self.values)

    @property
    def value(self) -> float:
        """The mean over the folds."""
        return float(np.mean(self.values))

    @property
    def standard_error(self) -> float | None:
        """Of that mean; None for a single fold."""
        if self.done < 2:
            return None
        return float(np.std(self.values, ddof=1) / np.sqrt(self.done))

    def with_fold(self, best: Epoch) -> Progress:
        """One more fold is done."""
        return Progress((*self.values, best.value), (*self.best_epochs, best.number))

    def running(self, value: float) -> float:
        """What is reported for an epoch: the mean of the folds done and of the one under way."""
        return float(np.mean([*self.values, value]))


def write(progress: Progress, blob: bytes) -> bytes:
    """A checkpoint: one line with its checksum and JSON, then the training's own bytes."""
    line = json.dumps(asdict(progress)).encode()
    return _checksum(line) + b" " + line + b"\n" + blob


def read(checkpoint: bytes | None) -> tuple[Progress, bytes | None]:
    """Take a checkpoint apart.

    Raises:
        ValueError: it is not one.
    """
    if checkpoint is None:
        return Progress(), None
    first, _, blob = checkpoint.partition(b"\n")
    checksum, _, line = first.partition(b" ")
    if checksum != _checksum(line):
        raise ValueError("its first line is damaged")
    found = json.loads(line)
    spent_s = found.get("spent_s", 0.0)
    return Progress(tuple(found["values"]), tuple(found["best_epochs"]), spent_s), blob


def _checksum(line: bytes) -> bytes:
    return hashlib.sha256(line).hexdigest().encode()
