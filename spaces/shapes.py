"""The shapes of a model's inputs: one, or a dict, list or tuple of them for several inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Shapes = Any  # () … (28, 28, 1), or a dict, list or tuple of these


def is_one(shapes: Shapes) -> bool:
    """Return True for the shape of a single input."""
    return isinstance(shapes, tuple) and all(isinstance(size, int | None) for size in shapes)


def mapped(function: Callable[[tuple[int, ...]], Any], shapes: Shapes) -> Any:
    """Return the results of a function of each shape, in the same form."""
    if is_one(shapes):
        return function(shapes)
    if isinstance(shapes, Mapping):
        return {name: mapped(function, each) for name, each in shapes.items()}
    return type(shapes)(mapped(function, each) for each in shapes)


def inputs(shapes: Shapes) -> Any:
    """Return Keras inputs of these shapes, in the same form."""
    import keras

    return mapped(keras.Input, shapes)
