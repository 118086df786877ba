"""The memory of callbacks as plain data: written into checkpoints, and put back into new ones.

Nothing is pickled: reading a checkpoint never runs code. Plain data, arrays and random generators
are written as such; objects of the user's own classes, and what functions close over, are put back
into the objects and functions that the user's code has made anew. What can't be written so (an open
file, a thread, a generator) is refused.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from studyhall.search.training.callback_state.parts import (
    UnsavableError,
    kind_of,
    parts_of,
    set_parts,
)
from studyhall.search.training.callback_state.reader import Reader
from studyhall.search.training.callback_state.writer import Writer


def write(callbacks: Sequence[Any], further: Any, model: Any) -> tuple[Any, list[np.ndarray]]:
    """Return what callbacks remember, as JSON and arrays.

    Args:
        callbacks: the callbacks.
        further: plain data to keep with it.
        model: the model that they follow.

    Raises:
        UnsavableError: they remember what can't be written.
    """
    writer = Writer({**live_parts(model), **_by_place(callbacks)})
    states = [
        {name: writer.write(part, f"{type(each).__name__}.{name}") for name, part in parts_of(each)}
        for each in callbacks
    ]
    drawn = [random.getstate(), np.random.get_state(), further]
    rest = writer.write(drawn, "state")
    kinds = [kind_of(each) for each in callbacks]
    return {"kinds": kinds, "states": states, "rest": rest, "nodes": writer.nodes}, writer.arrays


def restore(
    written: Mapping[str, Any], arrays: Sequence[np.ndarray], callbacks: Sequence[Any], model: Any
) -> Any:
    """Put back what `write` returned into new callbacks; return the further data.

    Raises:
        UnsavableError: they are other callbacks.
    """
    if written["kinds"] != [kind_of(each) for each in callbacks]:
        raise UnsavableError("they are other callbacks")
    reader = Reader(written["nodes"], arrays, {**live_parts(model), **_by_place(callbacks)})
    for each, state in zip(callbacks, written["states"], strict=True):
        known = dict(parts_of(each))
        path = type(each).__name__
        parts = {
            name: reader.read(part, known.get(name), f"{path}.{name}")
            for name, part in state.items()
        }
        set_parts(each, parts)
    of_python, of_numpy, further = reader.read(written["rest"], None, "state")
    random.setstate(of_python)
    np.random.set_state(of_numpy)
    return further


def _by_place(callbacks: Sequence[Any]) -> dict[str, Any]:
    return {f"callback {number}": each for number, each in enumerate(callbacks)}


def live_parts(model: Any) -> dict[str, Any]:
    """Return model, optimizer, layers and variables by name: their state is saved elsewhere."""
    layers = getattr(model, "_flatten_layers", lambda: model.layers)()
    optimizer = model.optimizer
    listed = {
        "layer": [*layers],
        "metric": [*model.metrics],
        "variable": [*model.variables, *getattr(optimizer, "variables", [])],
    }
    named = {f"{kind} {n}": each for kind, some in listed.items() for n, each in enumerate(some)}
    return {**named, "model": model, "optimizer": optimizer}
