"""What is legal for one hyperparameter, in code and in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Scalar = bool | int | float | str
Kind = Literal["float", "integer", "switch", "choice"]

SMALLEST, LARGEST = 1.2e-38, 3.4e38  # what a 32-bit float holds, in which networks compute
MOST = 2**31 - 1  # of what is counted by 32-bit integers


@dataclass(frozen=True)
class Hyperparameter:
    """One name of the ``[space]`` section.

    Attributes:
        name: As written in the study file.
        kind: ``float`` and ``integer`` take numbers, ``switch`` true or false, ``choice`` words.
        meaning: One line, with the unit.
        source: The document that teaches it.
        legal: The interval that its numbers must lie in, in mathematical notation.
        most: The largest whole number that can be built or trained with.
        words: Texts that it may be, besides its numbers or switch positions.
        usual: The range that the source recommends to search.
        mlp, cnn: The family's default; None where other values decide (`meaning` says how).
        training: Whether it steers training rather than the layers, so that a model built by
            the user's own function has it too.
        per_layer: Whether every hidden layer (block, in a cnn) may have its own value.
    """

    name: str
    kind: Kind
    meaning: str
    source: str
    legal: str = "(-inf, inf)"
    most: int = MOST
    words: tuple[str, ...] = ()
    usual: str = ""
    mlp: Scalar | None = None
    cnn: Scalar | None = None
    training: bool = False
    per_layer: bool = False

    def allows(self, value: object) -> bool:
        """Whether `value` is legal for this hyperparameter."""
        match value:
            case bool():
                return self.kind == "switch"
            case str():
                return value in self.words
            case int():
                whole = self.kind in ("float", "integer")
                return whole and _inside(self.legal, value) and not self._beyond(value)
            case float():
                held = _inside(self.legal, value) and not self._beyond(value)
                return self.kind == "float" and held
        return False

    def expected(self, received: object = None) -> str:
        """What is legal, in words.

        Args:
            received: what is not; a number beyond what can be computed with is told of that limit.

        >>> hyperparameters.find("batch_size").expected()
        'a whole number ≥ 1 or "all"'
        """
        words = [f'"{word}"' for word in self.words]
        match self.kind:
            case "choice":
                return f"one of {', '.join(self.words)}"
            case "switch":
                return _either(["true", "false", *words])
            case "integer":
                limit = f" and ≤ {self.most}" if self._beyond(received) else ""
                return _either([f"a whole number {_in_words(self.legal)}{limit}", *words])
        held = f" that a 32-bit float holds, from {SMALLEST:g} to {LARGEST:g}"
        return f"a number {_in_words(self.legal)}{held if self._beyond(received) else ''}"

    def _beyond(self, number: object) -> bool:
        """Whether computing with a number would change it, or fail."""
        if isinstance(number, bool) or not isinstance(number, int | float):
            return False
        if self.kind == "integer":
            return number > self.most
        return number != 0 and not SMALLEST <= abs(number) <= LARGEST


def _either(options: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(options[:-1]), options[-1]]))


def _inside(interval: str, number: float) -> bool:
    low, high = (float(end) for end in interval[1:-1].split(","))
    above = number >= low if interval.startswith("[") else number > low
    below = number <= high if interval.endswith("]") else number < high
    return above and below


def _in_words(interval: str) -> str:
    low, high = interval[1:-1].split(", ")
    if high != "inf":
        return f"in {interval}"
    return f"≥ {low}" if interval.startswith("[") else f"> {low}"
