"""What is legal for one hyperparameter, in code and in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Scalar = bool | int | float | str
Kind = Literal["float", "integer", "switch", "choice"]


@dataclass(frozen=True)
class Hyperparameter:
    """One name of the ``[space]`` section.

    Attributes:
        name: As written in the study file.
        kind: ``float`` and ``integer`` take numbers, ``switch`` true or false, ``choice`` words.
        meaning: One line, with the unit.
        source: The document that teaches it.
        legal: The interval that its numbers must lie in, in mathematical notation.
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
                return self.kind in ("float", "integer") and _inside(self.legal, value)
            case float():
                return self.kind == "float" and _inside(self.legal, value)
        return False

    def expected(self) -> str:
        """What is legal, in words.

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
                return _either([f"a whole number {_in_words(self.legal)}", *words])
        return f"a number {_in_words(self.legal)}"


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
