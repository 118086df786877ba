"""One line of the ``[space]`` section: a constant, some choices or a range, perhaps conditional."""

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

# What a choice adds to the size of a model, where that isn't read off its number.
_PARAMETERS = {"prelu": 1, "maxout": 2}


@dataclass(frozen=True)
class Entry:
    """What the study file says about one hyperparameter.

    Attributes:
        choices: The values to choose from; a single one makes the entry a constant.
        low, high: The range otherwise, both ends included; both int, or both float.
        step: Distance of the values of a range; None = 1 for integers, any number for floats.
        log: Whether the range is searched on a log scale.
        when: The values that other entries must have for this one to apply.
        per_layer: Whether each layer draws its own value.
        layers: The fixed values of the layers, where the file lists them.
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
        """Whether there is nothing to search."""
        return bool(self.layers) or len(self.choices) == 1

    def applies(self, chosen: Mapping[str, Value]) -> bool:
        """Whether the entries named in ``when`` were given one of the values it asks for."""
        return all(
            other in chosen and any(_same(chosen[other], value) for value in values)
            for other, values in self.when.items()
        )

    def names(self, depth: int) -> list[str]:
        """The names of its values in Optuna: its own, or ``width_1`` … ``width_<depth>``."""
        if self.per_layer:
            return [f"{self.name}_{layer}" for layer in range(1, depth + 1)]
        return [self.name]

    def value(self, depth: int, draw: Callable[[Entry, str], Scalar]) -> Value:
        """The value of the entry, drawn under each of its `names` unless it is constant."""
        if self.layers:
            return list(self.layers)
        names = self.names(depth)
        drawn = [self.choices[0] if self.constant else draw(self, name) for name in names]
        return drawn if self.per_layer else drawn[0]

    def suggest(self, trial: BaseTrial, name: str) -> Scalar:
        """Let Optuna choose the value called `name`."""
        if self.choices:
            return cast(Scalar, trial.suggest_categorical(name, self.choices))
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(
                name, self.low, self.high, step=int(self.step or 1), log=self.log
            )
        return trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log)

    def smallest(self) -> Scalar:
        """The value that makes the smaller model."""
        return min(self.choices, key=_size) if self.choices else self.low

    def largest(self) -> Scalar:
        """The value that makes the larger model."""
        return max(self.choices, key=_size) if self.choices else self.high

    def count(self) -> int:
        """How many values it may have; of a range without steps, one."""
        if self.layers or self.choices:
            return max(1, len(self.choices))
        step = self.step or (1 if isinstance(self.low, int) else None)
        return 1 if step is None else round((self.high - self.low) / step) + 1

    def nearest(self, value: Scalar) -> Scalar | None:
        """The allowed value closest to `value`; None where nothing is close to a word."""
        for choice in self.choices:
            if _same(value, choice):
                return choice
        if isinstance(value, str | bool):
            return None
        if self.choices:
            return min(_numbers(self.choices), key=lambda n: abs(n - value), default=None)
        return self._on_grid(min(max(value, self.low), self.high))

    def allows(self, value: Scalar) -> bool:
        """Whether the entry may take this value."""
        near = self.nearest(value)
        return near is not None and (_same(near, value) or _close(near, value))

    def row(self) -> tuple[str, str, str, str]:
        """Name, kind, range and condition, as text for a table."""
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
    # 1 == True in Python, not in a study file.
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _close(near: Scalar, value: Scalar) -> bool:
    """Whether two floats differ by rounding alone: 3 × 0.1 is not quite 0.3."""
    return isinstance(near, float) and isinstance(value, float) and math.isclose(near, value)


def _numbers(values: tuple[Scalar, ...]) -> list[int | float]:
    return [value for value in values if not isinstance(value, str | bool)]


def _size(value: Scalar) -> float:
    return _PARAMETERS.get(value, 0) if isinstance(value, str) else value
