"""The tests on a few samples before a compiled function replaces `model.fit`.

A copy is compared with the user's own model. A model that is compiled without a copy is traced
once, to see if its code depends on how often it is called.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from studyhall.search.training.compiled.refusals import CopyDiffersError, NotCompilableError
from studyhall.search.training.compiled.twin import Twin
from studyhall.search.training.feeding import Samples
from studyhall.spaces import randomness

SAMPLES = 4
# Share of the largest output that rounding may cause, as the copy may multiply in another order.
TOLERANCE = {"float32": 1e-4, "float16": 2e-2, "bfloat16": 1e-1}
_PLAIN = (bool, int, float, str)


def require(twin: Twin, model: Any, samples: Samples) -> None:
    """Compare predictions and penalties of a copy with those of its model, on a few samples.

    Args:
        twin: Copy of the model; it takes over the model's weights.
        model: As its builder returned it.
        samples: The first few of these are used.

    Raises:
        CopyDiffersError: They differ by more than rounding.
    """
    twin.load(model, learning_rate=0.0)
    x = keras.tree.map_structure(tf.constant, samples.dense(slice(0, SAMPLES)))
    # Predicting may change state, such as a counter of calls, which is put back below.
    kept = [(v, v.value.numpy()) for v in model.variables if not v.trainable]
    theirs = _measured(model, x)
    for variable, value in kept:
        variable.assign(value)
    sparse = samples.features is not None and not twin.densify
    mine = _measured(twin.model, tf.sparse.from_dense(x) if sparse else x)
    tolerance = TOLERANCE.get(model.compute_dtype, TOLERANCE["float32"])
    for one, other in zip(mine, theirs, strict=True):
        least = tolerance * max(float(np.max(np.abs(other), initial=0.0)), 1e-6)
        if not np.allclose(one, other, rtol=0.0, atol=least, equal_nan=True):
            raise CopyDiffersError("its compiled copy gives different predictions")


def require_steady(model: Any, samples: Samples) -> None:
    """Check that tracing a model draws no random numbers and changes no attribute of its layers.

    Such code would run at other times in a compiled function than in `model.fit`, as Python code
    only runs while a function is traced. The model is not changed by this: no operation is run.

    Args:
        model: Built.
        samples: The first few give shape and dtype.

    Raises:
        NotCompilableError: It does; the message says what.
    """
    few = keras.tree.map_structure(tf.constant, samples.dense(slice(0, SAMPLES)))
    x = keras.tree.map_structure(lambda one: tf.TensorSpec((None, *one.shape[1:]), one.dtype), few)
    generator, start = randomness.generator(), _random_states()
    randomness.seeds()  # creates Keras' seed generator now, which draws its own seed
    before, drawn = _attributes(model), _random_states()
    tf.function(lambda x: model(x, training=True), autograph=False).get_concrete_function(x)
    changed = list(_changed(model, before))
    if _random_states() == drawn and not changed:
        return
    for layer, key, value in changed:
        setattr(layer, key, value)
    _set_random_states(start)
    randomness.put_back(generator)
    what = f"changes its {changed[0][1]}" if changed else "draws from Python's or NumPy's random"
    raise NotCompilableError(f"its code {what} whenever it is traced")


def _random_states() -> tuple[Any, ...]:
    kind, keys, *place = np.random.get_state()
    return random.getstate(), (kind, tuple(keys), *place)


def _set_random_states(states: tuple[Any, ...]) -> None:
    random.setstate(states[0])
    np.random.set_state(states[1])


def _attributes(model: Any) -> list[dict[str, Any]]:
    """Return the plain attributes (numbers, strings) of each layer."""
    return [
        {key: value for key, value in vars(layer).items() if isinstance(value, _PLAIN)}
        for layer in model._flatten_layers()
    ]


def _changed(model: Any, before: list[dict[str, Any]]) -> Iterator[tuple[Any, str, Any]]:
    """Yield changed attributes of layers with their old values; `_called` is Keras' own flag."""
    for layer, attributes in zip(model._flatten_layers(), before, strict=True):
        for key, value in attributes.items():
            if key != "_called" and vars(layer).get(key) != value:
                yield layer, key, value


def _measured(model: Any, x: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the predictions of a model, and the sum of its penalties."""
    outputs = keras.tree.flatten(model(x, training=False))
    predicted = np.concatenate([np.asarray(each, np.float64).reshape(-1) for each in outputs])
    return predicted, np.asarray(sum(float(tf.reduce_sum(loss)) for loss in model.losses))
