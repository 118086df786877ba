"""What a replay has shown: whether a trial reproduces, and where it does not. Without Keras."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from studyhall.search.display import words


@dataclass(frozen=True)
class Difference:
    """One number that is not what was recorded.

    Attributes:
        part: which training of the trial, from 0: a fold or a repeat.
        epoch: from 1.
        name: of the metric.
        replayed: None where the training ended before.
    """

    part: int
    epoch: int
    name: str
    recorded: float
    replayed: float | None

    @property
    def relative(self) -> float:
        """How far apart they are, in units of what was recorded."""
        if self.replayed is None or math.isnan(self.recorded) != math.isnan(self.replayed):
            return math.inf
        return abs(self.replayed - self.recorded) / max(abs(self.recorded), 1e-12)


@dataclass(frozen=True)
class Replay:
    """What a replay has shown.

    Attributes:
        epochs: how many were compared.
        tolerance: relative difference up to which a trial reproduces.
        largest: relative difference of all numbers.
        first: the first number that is not the same to the last bit, or None.
        beyond: the first one that is farther off than the tolerance, or None.
    """

    trial: int
    epochs: int
    tolerance: float
    largest: float
    first: Difference | None
    beyond: Difference | None

    @property
    def reproduces(self) -> bool:
        """Whether no number is beyond the tolerance."""
        return self.beyond is None

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "trial": self.trial,
            "reproduces": self.reproduces,
            "exact": self.first is None,
            "epochs": self.epochs,
            "tolerance": self.tolerance,
            "largest": None if math.isinf(self.largest) else self.largest,
            "differs_at": None if self.first is None else asdict(self.first),
            "beyond_at": None if self.beyond is None else asdict(self.beyond),
        }

    def sentences(self) -> Iterator[str]:
        """For people."""
        if self.first is None:
            yield f"trial {self.trial} reproduces to the last bit: {self.epochs} epochs"
            return
        if self.reproduces:
            yield (
                f"trial {self.trial} reproduces within {self.tolerance:g}: {self.epochs} epochs, "
                f"the largest relative difference {self.largest:.1e}"
            )
        else:
            yield f"trial {self.trial} does not reproduce"
        yield f"it differs first {_where(self.first)}"
        if self.beyond is not None and self.beyond != self.first:
            yield f"beyond {self.tolerance:g} first {_where(self.beyond)}"


def _where(found: Difference) -> str:
    at = f"at epoch {found.epoch}" + (f" of part {found.part + 1}" if found.part else "")
    if found.replayed is None:
        return f"{at}: the training ends before it"
    if found.relative < 1e-4:
        return f"{at}: {found.name} by {found.relative:.1e}"
    recorded, now = words.number(found.recorded), words.number(found.replayed)
    return f"{at}: {found.name} was {recorded}, and is {now}"
