"""The legal values of a hyperparameter: their definition, check and description in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Scalar = bool | int | float | str
Kind = Literal["float", "integer", "switch", "choice"]

SMALLEST, LARGEST = 1.2e-38, 3.4e38  # range of normal 32-bit floats, in which networks compute
MOST = 2**31 - 1  # largest 32-bit integer, for counts


@dataclass(frozen=True)
class Hyperparameter:
    """The definition of one hyperparameter of the ``[space]`` section.

    Attributes:
        name: As written in the study file.
        kind: ``float`` and ``integer`` take numbers, ``switch`` true or false, ``choice`` words.
        meaning: One line, with the unit.
        source: The document that recommends it.
        legal: The interval of its legal numbers, in mathematical notation.
        most: The largest whole number that a model can be built or trained with.
        words: Strings that are legal besides numbers, or besides true and false.
        usual: The range that the source recommends to search.
        mlp, cnn, sequence, text, keras: The family's default, if it is not that of an mlp; None
            for all if it depends on other values (`meaning` says how).
        only: The families that have it, if not all.
        training: True if it controls training, not the layers; then it also applies to a model
            that the user's own function builds.
        per_layer: True if every hidden layer (block, in a cnn) may have its own value.
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
    sequence: Scalar | None = None
    text: Scalar | None = None
    keras: Scalar | None = None
    only: tuple[str, ...] = ()
    training: bool = False
    per_layer: bool = False

    def default(self, family: str) -> Scalar | None:
        """Return the default of a built-in family; ``keras`` for all networks of Keras."""
        own: Scalar | None = getattr(self, family)
        return self.mlp if own is None else own

    def allows(self, value: object) -> bool:
        """Check that `value` is legal for this hyperparameter."""
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
        """Describe the legal values in words.

        Args:
            received: the illegal value; the technical limit is mentioned only if it exceeds it.

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
        """Check whether a number exceeds what 32-bit arithmetic can represent, or `most`."""
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
