"""The compiled model that many trials share: a copy of the user's layers with variable numbers."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from studyhall.search.training.compiled import adjustable, optimizers, sharing, updates
from studyhall.search.training.compiled.refusals import NotCompilableError
from studyhall.search.training.compiled.structure import widths_are_open
from studyhall.search.training.sparse import SparseDense


class Twin:
    """A copy of a user's model that can take over any other model of the same signature.

    Args:
        model: Built and compiled; it is read, never changed.
        sparse: The samples are sparse.
        open_widths: The copy must accept models of other widths.

    Attributes:
        densify: True if sparse samples must be made dense before they enter the model.
    """

    def __init__(self, model: Any, *, sparse: bool, open_widths: bool) -> None:
        first = sparse and _starts_dense(model)
        self.densify = sparse and not first
        # Losses and metrics are used themselves: some lack numbers in their configurations. Their
        # ids are part of signatures, so they must not be freed while this twin is cached.
        self.kept_alive = model._compile_config.config
        with _python_random_untouched():
            self.model = _copied(model, first)
            _freeze_alike(self.model, model)
            _check(self.model, model)
            self.optimizer = optimizers.copied(model.optimizer)
            self.model.compile(**_compile_arguments(model, self.optimizer))
            self._open(open_widths and widths_are_open(model))
        self._penalties = _penalties(model, self.model)
        self._numbers = optimizers.numbers(updates.inner(self.optimizer))

    def _open(self, widths: bool) -> None:
        """Build the optimizer, and allow variables of other shapes if widths are open."""
        trainable = self.model.trainable_variables
        if widths:
            _open(self.model.weights)
        self._slots = _built_slots(self.optimizer, trainable)
        known = {id(slot) for slot, *_ in self._slots}
        others = [v for v in self.optimizer.variables if id(v) not in known]
        self._others = [(variable, variable.value.numpy()) for variable in others]
        if widths:
            slots = [slot for slot, *_ in self._slots]
            _open(slots)
            for variable in (*self.model.weights, *slots):
                variable._shape = (None,) * len(variable._shape)

    @property
    def learning_rate(self) -> Any:
        """The variable that holds the current learning rate."""
        return updates.inner(self.optimizer)._learning_rate.value

    def load(self, model: Any, learning_rate: float) -> None:
        """Become a model of the same signature: its weights, seeds and numbers, a new optimizer.

        Args:
            model: As its builder returned it.
            learning_rate: Learning rate of the first step.
        """
        for mine, theirs in zip(self.model.variables, model.variables, strict=True):
            mine.value.assign(theirs.value)
        for variable, value in self._others:
            variable.value.assign(value)
        for slot, place, value in self._slots:
            slot.value.assign(tf.fill(model.trainable_variables[place].shape, value))
        self.learning_rate.assign(np.float32(learning_rate))
        for name, number in self._numbers.items():
            number.assign(getattr(updates.inner(model.optimizer), name))
        adjustable.take_smoothing(self.model.loss, model.loss)
        for penalty, variable in self._penalties:
            penalty.assign(model.variables[variable].regularizer)
        _adjust_rates(model, self.model)

    def variables(self) -> list[Any]:
        """Return everything that training changes, as TensorFlow variables, in a fixed order."""
        return [v.value for v in (*self.model.variables, *self.optimizer.variables)]


def _freeze_alike(copy: Any, model: Any) -> None:
    """Freeze what is frozen in the model; configurations omit single variables, nested models."""
    for mine, theirs in zip(copy._flatten_layers(), model._flatten_layers(), strict=True):
        if mine.trainable != theirs.trainable:
            mine.trainable = theirs.trainable
    for mine, theirs in zip(copy.variables, model.variables, strict=False):
        if mine.trainable != theirs.trainable:
            mine.trainable = theirs.trainable


def _check(copy: Any, model: Any) -> None:
    mine, theirs = (
        [(tuple(v.shape), v.dtype, v.trainable) for v in it.variables] for it in (copy, model)
    )
    if mine != theirs:
        raise NotCompilableError("a copy of it has different variables")
    for own, other in zip(copy._flatten_layers(), model._flatten_layers(), strict=True):
        if sharing.further_numbers(own) != sharing.further_numbers(other):
            raise NotCompilableError(f"a copy of layer {other.name} has different numbers")


def _open(variables: list[Any]) -> None:
    """Let variables take values of other shapes."""
    for variable in variables:
        shape, held = tf.TensorShape([None] * len(variable.shape)), variable.value
        variable._value = tf.Variable(held, shape=shape, trainable=held.trainable)


def _built_slots(optimizer: Any, trainable: list[Any]) -> list[tuple[Any, int, Any]]:
    """Build the optimizer; return its slots, each with its variable's index and initial value."""
    places = {id(variable): place for place, variable in enumerate(trainable)}
    slots: list[tuple[Any, int, Any]] = []
    updating = updates.inner(optimizer)
    add = updating.add_variable_from_reference

    def recording(reference_variable: Any, *arguments: Any, **others: Any) -> Any:
        slot = add(reference_variable, *arguments, **others)
        first = slot.value.numpy().reshape(-1)[:1]
        slots.append((slot, places[id(reference_variable)], *first))
        return slot

    updating.add_variable_from_reference = recording
    try:
        optimizer.build(trainable)
    finally:
        del updating.add_variable_from_reference
    return slots


def _copied(model: Any, sparse: bool) -> Any:
    """Return a copy of the model, its dropout layers with an adjustable rate."""
    inputs = _inputs(model, sparse)
    compiled, model.compiled = model.compiled, False  # otherwise Keras compiles the copy as well
    try:
        return keras.models.clone_model(
            model,
            input_tensors=inputs[0]
            if isinstance(model, keras.Sequential)
            else _like(model, inputs),
            clone_function=_copied_layer if not sparse else _copied_for_sparse,
            recursive=True,
        )
    except (NotImplementedError, TypeError) as error:
        raise NotCompilableError(f"it can't be copied: {error}") from error
    finally:
        model.compiled = compiled


def _inputs(model: Any, sparse: bool) -> list[Any]:
    """Return inputs like those of a model; several keep their names, by which a dict feeds them."""
    several = len(model.inputs) > 1
    return [
        keras.Input(
            batch_shape=(None, *tensor.shape[1:]),
            dtype=tensor.dtype,
            sparse=sparse,
            name=tensor.name if several else None,
        )
        for tensor in model.inputs
    ]


def _starts_dense(model: Any) -> bool:
    """Return whether only Dense layers, which can multiply sparse samples, use the input.

    Sparse products exist in float32 only.
    """
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    users = [layer for layer in layers if layer.input is model.inputs[0]]
    return all(type(it) is keras.layers.Dense and it.compute_dtype == "float32" for it in users)


def _like(model: Any, inputs: list[Any]) -> Any:
    return keras.tree.pack_sequence_as(model.input, inputs)


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


def _compile_arguments(model: Any, optimizer: Any) -> dict[str, Any]:
    config = {**model._compile_config.config, "optimizer": optimizer, "jit_compile": False}
    config["loss"] = adjustable.smoothed(config["loss"])
    config["steps_per_execution"] = 1
    return config


def _penalties(model: Any, copy: Any) -> list[tuple[adjustable.Penalty, int]]:
    """Make the copy's penalties adjustable; return each with the index of its variable."""
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
    """Restore Python's random state: Keras draws default seeds from it while a copy is made."""
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)
