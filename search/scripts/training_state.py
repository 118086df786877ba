"""The state of a training by a user's own `fit`, as bytes: what its next epoch depends on.

It holds the variables of model and optimizer, those of the best epoch, and what Keras' own
callbacks remember. The order of samples and the numbers that dropout draws are not part of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from studyhall.search.training import checkpoint
from studyhall.search.training.checkpoint import CheckpointError

Arrays = list[NDArray[Any]]
BUILD = "build"  # the shapes that the model was built for
REMEMBERS = (keras.callbacks.EarlyStopping, keras.callbacks.ReduceLROnPlateau)


def write(
    model: keras.Model, best: Arrays, callbacks: Sequence[Any], kept: Mapping[str, Any]
) -> bytes:
    """Return the state between two epochs.

    Args:
        model: the model that is trained.
        best: its variables at its best epoch; empty if there is none yet.
        callbacks: those of its `fit`.
        kept: plain values to keep with it.
    """
    groups = {"model": values(model), "best": best, "optimizer": _arrays(_of_optimizer(model))}
    remembered = []
    for index, callback in enumerate(_with_memory(callbacks)):
        remembered.append(_numbers(callback))
        groups |= {f"{index} {name}": kept for name, kept in _weights(callback).items()}
    sizes = {name: len(arrays) for name, arrays in groups.items()}
    header = {"about": {**kept, BUILD: shapes(model)}, "callbacks": remembered, "groups": sizes}
    return checkpoint.pack(header, [array for arrays in groups.values() for array in arrays])


def restore(
    blob: bytes, model: keras.Model, callbacks: Sequence[Any]
) -> tuple[Arrays, dict[str, Any]]:
    """Put a training back to a state; return the variables of its best epoch, and plain values.

    Raises:
        CheckpointError: the state is damaged, or of another model.
    """
    header, arrays = checkpoint.unpack(blob)
    groups = _grouped(header["groups"], arrays)
    if not model.built and header["about"].get(BUILD) is not None:
        model.build_from_config(header["about"][BUILD])
    _check(model.variables, groups["model"])  # before the optimizer takes the variables for its own
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None and not optimizer.built:
        optimizer.build(model.trainable_variables)
    assign(model.variables, groups["model"])
    assign(_of_optimizer(model), groups["optimizer"])
    with_memory = _with_memory(callbacks)
    if len(with_memory) != len(header["callbacks"]):
        raise CheckpointError("it is that of other callbacks")
    for index, callback in enumerate(with_memory):
        vars(callback).update(header["callbacks"][index])
        kept = {
            name.partition(" ")[2]: some
            for name, some in groups.items()
            if name.startswith(f"{index} ")
        }
        vars(callback).update(kept)
    return groups["best"], header["about"]


def about(blob: bytes) -> dict[str, Any]:
    """Return the plain values that are kept with a state.

    Raises:
        CheckpointError: the state is damaged.
    """
    found: dict[str, Any] = checkpoint.unpack(blob)[0]["about"]
    return found


def values(model: keras.Model) -> Arrays:
    """Return a copy of a model's variables."""
    return _arrays(model.variables)


def assign(variables: Sequence[Any], arrays: Arrays) -> None:
    """Set variables to the values of an earlier moment.

    Raises:
        CheckpointError: they are those of another model.
    """
    _check(variables, arrays)
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def shapes(model: keras.Model) -> Any:
    """Return the shapes that a model was built for, as plain data; None if they are none."""
    config = model.get_build_config()
    try:
        return json.loads(json.dumps(config))
    except TypeError:
        return None


def _check(variables: Sequence[Any], arrays: Arrays) -> None:
    if [tuple(each.shape) for each in variables] != [array.shape for array in arrays]:
        raise CheckpointError("it is that of another model")


def _arrays(variables: Sequence[Any]) -> Arrays:
    return [np.array(keras.ops.convert_to_numpy(each)) for each in variables]


def _of_optimizer(model: keras.Model) -> Sequence[Any]:
    optimizer = getattr(model, "optimizer", None)
    return [] if optimizer is None else [*optimizer.variables]


def _grouped(sizes: Mapping[str, int], arrays: Arrays) -> dict[str, Arrays]:
    rest = iter(arrays)
    return {name: [next(rest) for _ in range(size)] for name, size in sizes.items()}


def _with_memory(callbacks: Sequence[Any]) -> list[Any]:
    return [each for each in callbacks if isinstance(each, REMEMBERS)]


def _numbers(callback: Any) -> dict[str, Any]:
    """Return what a callback remembers in numbers, such as the epochs without improvement."""
    kinds = (bool, int, float, np.number)
    found = {name: each for name, each in vars(callback).items() if isinstance(each, kinds)}
    return {
        name: each.item() if isinstance(each, np.number) else each for name, each in found.items()
    }


def _weights(callback: Any) -> dict[str, Arrays]:
    """Return the weights that a callback remembers, such as those of the best epoch."""
    lists = {name: each for name, each in vars(callback).items() if isinstance(each, list) and each}
    return {
        name: [np.asarray(array) for array in some]
        for name, some in lists.items()
        if all(hasattr(array, "shape") for array in some)
    }
