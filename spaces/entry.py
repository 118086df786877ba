"""One entry of the ``[space]`` section: a constant, choices or a range, optionally conditional."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from studyhall.spaces.legal import Scalar
from studyhall.spaces.spelling import as_toml

if TYPE_CHECKING:
    from optuna.trial import BaseTrial

Value = Scalar | list[Scalar]  # a list has one value per layer

# Relative number of parameters that a named choice adds; other words add none.
_PARAMETERS = {"prelu": 1, "maxout": 2}


@dataclass(frozen=True)
class Entry:
    """The study file's entry for one hyperparameter.

    Attributes:
        name: The hyperparameter's name.
        choices: The values to choose from; a single one makes the entry a constant.
        low, high: The range if there are no choices, both ends included; both int or both float.
        step: Spacing of the values of a range; None = 1 for integers, continuous for floats.
        log: True if the range is searched on a log scale.
        when: The values that other entries must have for this one to apply.
        per_layer: True if each layer draws its own value.
        layers: The constant value of each layer, if the file lists them.
    """

    name: str
    choices: tuple[Scalar, ...] = ()
    low: int | float = 0
    high: int | float = 0
    step: int | float | None = None
    log: bool = False
    when: dict[str, tuple[Scalar, ...]] = field(default_factory=dict)
    per_layer: bool = False
    layers: tuple[Scalar, ...] = ()

    @property
    def constant(self) -> bool:
        """True if the entry has a single value, so that there is nothing to search."""
        return bool(self.layers) or len(self.choices) == 1

    def applies(self, chosen: Mapping[str, Value]) -> bool:
        """Check that the entries named in ``when`` have one of the required values."""
        return all(
            other in chosen and any(_same(chosen[other], value) for value in values)
            for other, values in self.when.items()
        )

    def names(self, depth: int) -> list[str]:
        """Return its parameter names in Optuna: its own, or ``width_1`` … ``width_<depth>``."""
        if self.per_layer:
            return [f"{self.name}_{layer}" for layer in range(1, depth + 1)]
        return [self.name]

    def has(self, name: str) -> bool:
        """Return whether a parameter in Optuna is the entry's, or that of one of its layers."""
        if not self.per_layer:
            return name == self.name
        stem, _, layer = name.rpartition("_")
        return stem == self.name and layer.isdigit()

    def value(self, depth: int, draw: Callable[[Entry, str], Scalar]) -> Value:
        """Return the entry's value; unless constant, `draw` chooses it for each of `names`."""
        if self.layers:
            return list(self.layers)
        names = self.names(depth)
        drawn = [self.choices[0] if self.constant else draw(self, name) for name in names]
        return drawn if self.per_layer else drawn[0]

    def suggest(self, trial: BaseTrial, name: str) -> Scalar:
        """Let Optuna choose the value of the parameter `name`."""
        if self.choices:
            return cast(Scalar, trial.suggest_categorical(name, self.choices))
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(
                name, self.low, self.high, step=int(self.step or 1), log=self.log
            )
        return trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log)

    def smallest(self) -> Scalar:
        """Return the value that makes the model smallest."""
        return min(self.choices, key=_size) if self.choices else self.low

    def largest(self) -> Scalar:
        """Return the value that makes the model largest."""
        return max(self.choices, key=_size) if self.choices else self.high

    def count(self) -> int:
        """Return the number of possible values; 1 for a continuous range."""
        if self.layers or self.choices:
            return max(1, len(self.choices))
        step = self.step or (1 if isinstance(self.low, int) else None)
        return 1 if step is None else round((self.high - self.low) / step) + 1

    def nearest(self, value: Scalar) -> Scalar | None:
        """Return the allowed value closest to `value`; None for a word that is not a choice."""
        for choice in self.choices:
            if _same(value, choice):
                return choice
        if isinstance(value, str | bool):
            return None
        if self.choices:
            return min(_numbers(self.choices), key=lambda n: abs(n - value), default=None)
        return self._on_grid(min(max(value, self.low), self.high))

    def allows(self, value: Scalar) -> bool:
        """Check that the entry may have this value."""
        near = self.nearest(value)
        return near is not None and (_same(near, value) or _close(near, value))

    def row(self) -> tuple[str, str, str, str]:
        """Return name, kind, range and condition, as text for a table."""
        return self.name, self._kind(), self._range(), self._condition()

    def _on_grid(self, number: int | float) -> int | float:
        if isinstance(self.low, int) and isinstance(self.high, int):
            step = self.step or 1
            return int(self.low + round((number - self.low) / step) * step)
        if self.step is None:
            return float(number)
        return min(self.low + round((number - self.low) / self.step) * self.step, self.high)

    def _kind(self) -> str:
        if self.constant:
            return "constant"
        kind = "choice" if self.choices else "integer" if isinstance(self.low, int) else "float"
        return f"{kind} per layer" if self.per_layer else kind

    def _range(self) -> str:
        if self.layers:
            return as_toml(self.layers)
        if self.choices:
            return ", ".join(map(_shown, self.choices))
        step = f", step {self.step}" if self.step is not None else ""
        return f"{self.low} … {self.high}{', log' if self.log else ''}{step}"

    def _condition(self) -> str:
        return " and ".join(
            f"{other} = {' or '.join(map(_shown, values))}" for other, values in self.when.items()
        )


def _shown(value: Scalar) -> str:
    return value if isinstance(value, str) else as_toml(value)


def _same(one: Value, other: Value) -> bool:
    # 1 == True in Python, but not in a study file.
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _close(near: Scalar, value: Scalar) -> bool:
    """Check that two floats differ only by rounding: 3 × 0.1 is not exactly 0.3."""
    return isinstance(near, float) and isinstance(value, float) and math.isclose(near, value)


def _numbers(values: tuple[Scalar, ...]) -> list[int | float]:
    return [value for value in values if not isinstance(value, str | bool)]


def _size(value: Scalar) -> float:
    return _PARAMETERS.get(value, 0) if isinstance(value, str) else value
