"""The validation set in the arguments of `fit`, and what a trained model reaches on it."""

from __future__ import annotations

import inspect
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from studyhall.keras_tuner.objective import Objective
from studyhall.search.study_file.config_error import ConfigError

PREFIX = "val_"
SAME = 1e-5  # between two measurements, relative or absolute


def measured(
    model: Any, objective: Objective, args: tuple[Any, ...], kwargs: Mapping[str, Any], name: str
) -> float:
    """Return the objective of a model on the validation set that its `fit` would use.

    Args:
        model: a compiled model.
        objective: the objective.
        args, kwargs: the arguments of `fit`.
        name: the study's name, for messages.

    Raises:
        ConfigError: `fit` has no validation set or one that is drawn anew each time, or the model
            does not measure the objective.
    """
    given = inspect.signature(keras.Model.fit).bind_partial(None, *args, **kwargs).arguments
    data = _validation(given)
    if data is None:
        raise ConfigError([f"{name}: search() has no validation data to measure its model on"])
    logs = _logs(model, data, given)
    if not objective.has_value(logs):
        names = ", ".join(logs)
        said = f"its model measures {names}, but not the objective {objective.name}"
        raise ConfigError([f"{name}: {said}"])
    value = float(objective.get_value(logs))
    again = float(objective.get_value(_logs(model, data, given)))
    if not math.isclose(value, again, rel_tol=SAME, abs_tol=SAME):
        said = f"its validation data differ each time: {value:.5g}, then {again:.5g}"
        raise ConfigError([f"{name}: {said}"])
    return value


def inputs(args: tuple[Any, ...], kwargs: Mapping[str, Any], name: str) -> NDArray[Any]:
    """Return the inputs of the validation set that a `fit` would use, (N, …).

    Args:
        args, kwargs: the arguments of `fit`.
        name: the study's name, for messages.

    Raises:
        ConfigError: there are none, or more than one per sample.
    """
    given = inspect.signature(keras.Model.fit).bind_partial(None, *args, **kwargs).arguments
    data = _validation(given)
    x = None if data is None else data[0]
    if isinstance(x, Mapping | list | tuple):
        raise ConfigError([f"{name}: its model has several inputs, expected one"])
    blocks = [x] if hasattr(x, "shape") else [*_blocks(x, given.get("validation_steps"))]
    if not blocks or any(isinstance(block, Mapping | list | tuple) for block in blocks):
        raise ConfigError([f"{name}: search() has no validation data of one input per sample"])
    return np.concatenate([np.asarray(keras.ops.convert_to_numpy(block)) for block in blocks])


def _blocks(batches: Any, steps: int | None) -> Iterator[Any]:
    """Yield the inputs of batches, of TensorFlow's data set, Keras' or torch's loader."""
    if batches is None or inspect.isgenerator(batches):  # a generator can be read only once
        return
    found = (
        (batches[index] for index in range(len(batches)))
        if isinstance(batches, keras.utils.PyDataset)
        else iter(batches)
    )
    for batch in itertools.islice(found, steps):
        yield batch[0] if isinstance(batch, list | tuple) else batch


def _logs(model: Any, data: Sequence[Any], given: Mapping[str, Any]) -> dict[str, float]:
    """Return what a model measures on its validation set, by the names in the logs of `fit`."""
    size = given.get("validation_batch_size") or given.get("batch_size")
    further = {
        "sample_weight": data[2] if len(data) > 2 else None,
        "batch_size": size,
        "steps": given.get("validation_steps"),
    }
    further = {key: value for key, value in further.items() if value is not None}
    try:
        found = model.evaluate(*data[:2], **further, verbose=0, return_dict=True)
    except Exception as error:  # such as of a model that a training loop of its own never compiles
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ConfigError([f"its model can't be measured again: {said}"]) from error
    return {f"{PREFIX}{metric}": float(np.mean(value)) for metric, value in found.items()}


def _validation(given: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """Return the arguments of `evaluate`: samples, targets and weights as far as there are any."""
    if (data := given.get("validation_data")) is not None:
        if not isinstance(data, list | tuple):
            return (data,)
        return tuple(data)
    share = given.get("validation_split")
    return _last(given, share) if share else None


def _last(given: Mapping[str, Any], share: float) -> tuple[Any, ...]:
    """Return the last samples, which Keras takes for a share."""
    x, y = given["x"], given.get("y")
    first = keras.tree.flatten(x)[0]
    start = math.floor(len(first) * (1 - share))
    return tuple(keras.tree.map_structure(lambda part: part[start:], each) for each in (x, y))
