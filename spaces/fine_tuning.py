"""Optimizers that train some layers at a lower learning rate than the others."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

import keras


def slowed(
    optimizer: keras.optimizers.Optimizer, paths: Iterable[str], share: float
) -> keras.optimizers.Optimizer:
    """Return an optimizer that takes smaller steps with some variables.

    Its weight decay, if it has one, is the same for all.

    Args:
        optimizer: one of Keras' own, not built yet.
        paths: `path` of each of these variables.
        share: of the learning rate.
    """
    kind: Any = type(optimizer)
    kind = _of_kind(kind)
    return kind.from_config({**optimizer.get_config(), "slow_paths": [*paths], "share": share})


@functools.cache
def _of_kind(kind: Any) -> Any:
    """Return the class of an optimizer of Keras, with the rates of its variables."""

    class Slowed(kind):  # type: ignore[misc]
        def __init__(self, slow_paths: list[str], share: float, **others: Any) -> None:
            super().__init__(**others)
            self.slow_paths, self.share = slow_paths, share
            self._slow: frozenset[int] = frozenset()

        def build(self, variables: list[Any]) -> None:
            slow = [each for each in variables if each.path in self.slow_paths]
            # With TensorFlow an update gets what holds a variable's value, without its path.
            self._slow = frozenset(id(part) for each in slow for part in (each, each.value))
            super().build(variables)

        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            rate = learning_rate * self.share if id(variable) in self._slow else learning_rate
            super().update_step(gradient, variable, rate)

        def get_config(self) -> dict[str, Any]:
            config: dict[str, Any] = super().get_config()
            return config | {"slow_paths": self.slow_paths, "share": self.share}

    Slowed.__name__ = f"Slowed{kind.__name__}"
    return Slowed
