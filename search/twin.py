"""One compiled model for many trials: the user's layers, with adjustable numbers in them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from search import adjustable
from search.signature import NotCompilableError
from search.sparse import SparseDense


class Twin:
    """A copy of a user's model that takes over any other model of the same signature.

    Args:
        model: Built and compiled; it is read, never changed.
        sparse: Whether its samples are sparse.

    Attributes:
        densify: Whether sparse samples must become dense before they enter the model.
    """

    def __init__(self, model: Any, *, sparse: bool = False) -> None:
        sparse, self.densify = sparse and _starts_dense(model), sparse and not _starts_dense(model)
        self.kept_alive = model._compile_config.config  # its objects' ids are in the signature
        with _python_random_untouched():
            self.model = _copied(model, sparse)
            self.optimizer = _optimizer(model.optimizer)
            self.model.compile(**_compile_arguments(model, self.optimizer))
            self.optimizer.build(self.model.trainable_variables)
        self._check(model)
        self._penalties = _penalties(model, self.model)
        self._numbers = _numbers(self.optimizer)
        self._slots = [variable.value.numpy() for variable in self.optimizer.variables]

    @property
    def learning_rate(self) -> Any:
        """The variable that each step's learning rate is read from."""
        return self.optimizer._learning_rate.value

    def load(self, model: Any, learning_rate: float) -> None:
        """Become a model of the same signature: its weights, seeds and numbers, a new optimizer.

        Args:
            model: As its builder returned it.
            learning_rate: Of the first step.
        """
        for mine, theirs in zip(self.model.variables, model.variables, strict=True):
            mine.value.assign(theirs.value)
        for variable, value in zip(self.optimizer.variables, self._slots, strict=True):
            variable.value.assign(value)
        self.learning_rate.assign(np.float32(learning_rate))
        for name, number in self._numbers.items():
            number.assign(getattr(model.optimizer, name))
        for penalty, variable in self._penalties:
            penalty.assign(model.variables[variable].regularizer)
        _adjust_rates(model, self.model)

    def variables(self) -> list[Any]:
        """Everything that training changes, as TensorFlow variables, in a fixed order."""
        return [v.value for v in (*self.model.variables, *self.optimizer.variables)]

    def bytes(self) -> int:
        """Memory of weights and optimizer state."""
        return sum(int(np.prod(v.shape)) * v.dtype.size for v in self.variables())

    def _check(self, model: Any) -> None:
        mine = [(tuple(v.shape), v.dtype) for v in self.model.variables]
        if mine != [(tuple(v.shape), v.dtype) for v in model.variables]:
            raise NotCompilableError("a copy of it has other variables")


def _copied(model: Any, sparse: bool) -> Any:
    """The same layers once more, dropout with an adjustable rate."""
    (shape,) = (tensor.shape for tensor in model.inputs)
    inputs = keras.Input(batch_shape=(None, *shape[1:]), dtype=model.inputs[0].dtype, sparse=sparse)
    compiled, model.compiled = model.compiled, False  # or the copy would be compiled by itself
    try:
        return keras.models.clone_model(
            model,
            input_tensors=inputs if isinstance(model, keras.Sequential) else _like(model, inputs),
            clone_function=_copied_layer if not sparse else _copied_for_sparse,
            recursive=True,
        )
    except (NotImplementedError, TypeError) as error:
        raise NotCompilableError(f"it can't be copied: {error}") from error
    finally:
        model.compiled = compiled


def _starts_dense(model: Any) -> bool:
    """Whether nothing but Dense layers, which can multiply sparse samples, see the input."""
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    users = [layer for layer in layers if layer.input is model.inputs[0]]
    return all(type(layer) is keras.layers.Dense for layer in users)


def _like(model: Any, inputs: Any) -> Any:
    return keras.tree.pack_sequence_as(model.input, [inputs])


def _copied_layer(layer: Any) -> Any:
    kind = type(layer)
    if kind in adjustable.DROPOUTS and layer.rate > 0:
        kind = adjustable.DROPOUTS[kind]
    copy = kind.from_config(layer.get_config())
    if kind in adjustable.DROPOUTS.values():
        copy.adjust(layer.rate)
    return copy


def _copied_for_sparse(layer: Any) -> Any:
    if type(layer) is keras.layers.Dense:
        return SparseDense.from_config(layer.get_config())
    return _copied_layer(layer)


def _optimizer(optimizer: Any) -> Any:
    config = optimizer.get_config()
    config["learning_rate"] = 0.0  # decay is the engine's: it writes each step's rate
    copy = type(optimizer).from_config(config)
    if type(copy) in adjustable.OPTIMIZERS:
        for name in adjustable.OPTIMIZER_NUMBERS:
            if isinstance(config.get(name), float) and config[name] > 0:
                setattr(copy, name, adjustable.Number(config[name]))
    return copy


def _numbers(optimizer: Any) -> dict[str, adjustable.Number]:
    named = {name: getattr(optimizer, name, None) for name in adjustable.OPTIMIZER_NUMBERS}
    return {name: it for name, it in named.items() if isinstance(it, adjustable.Number)}


def _compile_arguments(model: Any, optimizer: Any) -> dict[str, Any]:
    config = {**model._compile_config.config, "optimizer": optimizer, "jit_compile": False}
    config["steps_per_execution"] = 1
    for name in ("metrics", "weighted_metrics"):
        config[name] = keras.tree.map_structure(_new_metric, config[name])
    return config


def _new_metric(metric: Any) -> Any:
    if isinstance(metric, keras.metrics.Metric):
        return type(metric).from_config(metric.get_config())
    return metric


def _penalties(model: Any, copy: Any) -> list[tuple[adjustable.Penalty, int]]:
    """Adjustable penalties in the copy, each with the place of its variable."""
    placed = []
    for place, (theirs, mine) in enumerate(zip(model.variables, copy.variables, strict=True)):
        terms = adjustable.PENALTIES.get(type(theirs.regularizer))
        if terms is not None:
            mine.regularizer = adjustable.Penalty(terms)
            placed.append((mine.regularizer, place))
    return placed


def _adjust_rates(model: Any, copy: Any) -> None:
    for theirs, mine in zip(model._flatten_layers(), copy._flatten_layers(), strict=True):
        if type(mine) in adjustable.DROPOUTS.values():
            mine.adjust(theirs.rate)


@contextmanager
def _python_random_untouched() -> Iterator[None]:
    """Keras draws default seeds from `random`; a copy must not shift what a trial draws."""
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)
