"""Conditions under which a hyperparameter of a KerasTuner script is active."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


def listed(values: Any) -> list[Any]:
    """Return a list of the values; a single value becomes a list of one."""
    return list(values) if isinstance(values, list | tuple) else [values]


def standard(values: list[Any]) -> list[Any]:
    """Return choices as KerasTuner keeps them: of one type, booleans as the integers 0 and 1.

    Raises:
        TypeError: the first one is no str, int, float or bool.
    """
    first = values[0]
    if isinstance(first, str):
        return [str(value) for value in values]
    if isinstance(first, int):
        return [int(value) for value in values]
    if not isinstance(first, float):
        kind = type(first).__name__
        raise TypeError(f"received {first!r} of type {kind}, expected an int, float, str or bool")
    return values


@dataclass(frozen=True)
class Parent:
    """The condition that another hyperparameter has one of some values.

    Attributes:
        name: the name of the other hyperparameter.
        values: its values under which the condition holds.
    """

    name: str
    values: tuple[Any, ...]

    @classmethod
    def of(cls, name: str, values: Any) -> Parent:
        """Return the condition for a value, or for a list of values."""
        many = listed(values)
        return cls(name, tuple(many if isinstance(many[0], bool) else standard(many)))

    def get_config(self) -> dict[str, Any]:
        """Return the condition as plain data."""
        config = {"name": self.name, "values": [*self.values]}
        return {"class_name": type(self).__name__, "config": config}

    @classmethod
    def from_config(cls, described: Mapping[str, Any]) -> Parent:
        """Return the condition that `get_config` has described."""
        return cls.of(**described["config"])

    def is_active(self, values: Mapping[str, Any]) -> bool:
        """Return True if the condition holds among these values of hyperparameters."""
        return self.name in values and values[self.name] in self.values
