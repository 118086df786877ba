"""The result of a replay: which recorded numbers differ. Importable without Keras."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from studyhall.search.display import words


@dataclass(frozen=True)
class Difference:
    """One number that differs from the recorded one.

    Attributes:
        part: index of the training in the trial (fold or repeat), from 0.
        epoch: number of the epoch, from 1.
        name: name of the metric.
        recorded: recorded value.
        replayed: replayed value; None if the training ended before this epoch.
    """

    part: int
    epoch: int
    name: str
    recorded: float
    replayed: float | None

    @property
    def relative(self) -> float:
        """The difference relative to the recorded value."""
        if self.replayed is None or math.isnan(self.recorded) != math.isnan(self.replayed):
            return math.inf
        return abs(self.replayed - self.recorded) / max(abs(self.recorded), 1e-12)


@dataclass(frozen=True)
class Replay:
    """The result of a replay.

    Attributes:
        trial: number of the trial.
        epochs: number of epochs compared.
        tolerance: largest relative difference with which a trial counts as reproduced.
        largest: largest relative difference of all numbers.
        first: the first number that is not equal to the last bit, or None.
        beyond: the first number that differs by more than the tolerance, or None.
    """

    trial: int
    epochs: int
    tolerance: float
    largest: float
    first: Difference | None
    beyond: Difference | None

    @property
    def reproduces(self) -> bool:
        """True if no number differs by more than the tolerance."""
        return self.beyond is None

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON values."""
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
        """Yield the result in sentences."""
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
        yield f"it first differs {_where(self.first)}"
        if self.beyond is not None and self.beyond != self.first:
            yield f"it first exceeds {self.tolerance:g} {_where(self.beyond)}"


def _where(found: Difference) -> str:
    at = f"at epoch {found.epoch}" + (f" of part {found.part + 1}" if found.part else "")
    if found.replayed is None:
        return f"{at}: the training ends before it"
    if found.relative < 1e-4:
        return f"{at}: {found.name} by {found.relative:.1e}"
    recorded, now = words.number(found.recorded), words.number(found.replayed)
    return f"{at}: {found.name} was {recorded}, and is {now}"
