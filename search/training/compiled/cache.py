"""The cache of compiled models for later trials, limited by memory, least recently used first."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from studyhall.search.training import feeding, memory, model_losses, validation_batch
from studyhall.search.training.compiled import copy_check, sharing, signature
from studyhall.search.training.compiled.epochs import Whole
from studyhall.search.training.compiled.steps import Steps
from studyhall.search.training.compiled.stream import Streamed
from studyhall.search.training.compiled.twin import Twin
from studyhall.search.training.compiled.unshared import Unshared
from studyhall.search.training.compiled.xla import Fused
from studyhall.search.training.feeding import Samples, TrainingData

CHUNK_ELEMENTS = 2**23  # largest number of activations in a prediction on validation samples
COPIES = 4  # copies of the weights: themselves, two optimizer slots, the best
OPERATION_BYTES = 6 * 2**10  # memory of a traced operation: measured, 5 to 8 KiB
KEPT_BYTES = 2**28  # limit of the memory of all compiled models


class Owner(Protocol):
    """The user of a compiled model: a training whose state may be in it."""

    def park(self) -> None:
        """Save the training's state and leave the model, because another one needs it."""


class CompiledModel:
    """A twin, its compiled epochs, and the training that currently uses them.

    Attributes:
        hindrance: Reason why it can train one model only, or None.
    """

    hindrance: str | None = None

    def __init__(self, twin: Twin | Unshared, steps: Steps, epochs: Whole | Streamed) -> None:
        self.twin, self.steps, self.epochs = twin, steps, epochs
        self._owner: weakref.ref[Owner] | None = None
        self._bytes = 0

    def load(self, model: Any, learning_rate: float) -> None:
        """Copy a model, as its builder returned it, into the twin."""
        self.twin.load(model, learning_rate)
        self.steps.chunk.assign(_chunk(model))
        for best, weight in zip(self.steps.best, model.weights, strict=True):
            best.assign(weight)
        weights = sum(int(np.prod(w.shape)) * w.value.dtype.size for w in model.weights)
        self._bytes = max(self._bytes, weights * COPIES)

    def enter(self, owner: Owner) -> bool:
        """Make a training the owner; return False if it was already."""
        before = self._owner() if self._owner is not None else None
        if before is owner:
            return False
        if before is not None:
            before.park()
        self._owner = weakref.ref(owner)
        return True

    def variables(self) -> list[Any]:
        """Return everything that a training changes, in a fixed order."""
        return [*self.twin.variables(), *self.steps.best]

    def bytes(self) -> int:
        """Return an estimate of the memory in bytes that is freed when it is dropped."""
        return self._bytes + self.epochs.operations * OPERATION_BYTES


class CompiledModels:
    """The compiled models by signature; the most recently used are kept as memory allows."""

    def __init__(self) -> None:
        self._models: OrderedDict[str, CompiledModel] = OrderedDict()

    def find(
        self,
        model: Any,
        data: TrainingData,
        data_loss: Any,
        objective: tuple[str, float] = ("val_loss", 1.0),
        *,
        xla: bool,
    ) -> CompiledModel:
        """Return a compiled model that can train this one; create it if there is none.

        Args:
            model: Compiled by Keras, as its builder returned it.
            data: Data that it is to be trained on.
            data_loss: Loss of the value, or None for the model's own.
            objective: Metric that is an epoch's value, and its sign.
            xla: Compile its epochs with XLA.

        Raises:
            NotCompilableError: Only `model.fit` can train it.
        """
        signature.refuse_class(model)
        if not model.built:
            model.build(keras.tree.map_structure(_any_number, data.train.dense(slice(0, 1))))
        signature.refuse(model)
        if (hindrance := sharing.hindrance(model)) is not None:
            memory.release()  # of the previous unshared model
            alone = _compiled(model, data, data_loss, objective, xla, shared=False)
            alone.hindrance = hindrance
            return alone
        few = data.train.arrays(slice(0, 1))
        kind = (data.stream, data.train.features, _kind(few["y"]), _kind(few.get("x", 0)))
        name = signature.of(model, data_loss, xla, *objective, *map(str, kind))
        found = self._models.pop(name, None) or _compiled(
            model, data, data_loss, objective, xla, shared=True
        )
        self._models[name] = found
        self._drop_oldest()
        return found

    def _drop_oldest(self) -> None:
        if self._bytes() <= KEPT_BYTES:
            return
        # Below the limit by a quarter, as `release` is too slow to be called after every trial.
        while len(self._models) > 1 and self._bytes() > KEPT_BYTES * 3 // 4:
            self._models.popitem(last=False)
        memory.release()

    def _bytes(self) -> int:
        return sum(model.bytes() for model in self._models.values())


OF_THIS_PROCESS = CompiledModels()  # shared by all folds, which differ in their samples only


def _compiled(
    model: Any,
    data: TrainingData,
    data_loss: Any,
    objective: tuple[str, float],
    xla: bool,
    *,
    shared: bool,
) -> CompiledModel:
    features = data.train.features
    # With shapes known, Keras weighs batches in the losses of several outputs by their sizes.
    fused = xla and features is None and not data.stream and len(model.outputs) == 1
    twin: Twin | Unshared
    if shared:
        twin = Twin(model, sparse=features is not None, open_widths=not fused)
        copy_check.require(twin, model, data.validation)
    else:
        copy_check.require_steady(model, data.train)
        twin = Unshared(model, sparse=features is not None)
    _build_metrics(twin.model, data.validation)
    steps = Steps(twin, data_loss, features, objective)
    if data.stream:
        return CompiledModel(twin, steps, Streamed(steps))
    return CompiledModel(twin, steps, Fused(steps, _chunk(model)) if fused else Whole(steps))


def _chunk(model: Any) -> int:
    """Return the validation samples per prediction, so that activations take some tens of MB."""
    if (batch := validation_batch.of(model)) is not None:
        return batch
    placed = [layer.output for layer in model.layers if hasattr(layer, "output")]
    shapes = [tensor.shape for tensor in keras.tree.flatten([*model.inputs, *placed])]
    per_sample = sum(int(np.prod([size or 1 for size in shape[1:]])) for shape in shapes)
    return int(max(32, CHUNK_ELEMENTS // per_sample))


def _build_metrics(model: Any, samples: Samples) -> None:
    """Make metrics create their variables now: a compiled function must not."""
    several = len(model.outputs) > 1  # whose losses are metrics, too
    if model._compile_metrics is None and not several:
        return
    few = keras.tree.map_structure(tf.constant, samples.arrays(slice(0, 2))["y"])
    zeros = [tf.zeros((feeding.rows_of(few), *output.shape[1:])) for output in model.outputs]
    predicted = keras.tree.pack_sequence_as(model_losses.outputs_of(model), zeros)
    if several:
        model._compile_loss(few, predicted)
    if model._compile_metrics is not None:
        model._compile_metrics.update_state(few, predicted)
    for metric in model.metrics:
        metric.reset_state()


def _any_number(array: Any) -> tuple[Any, ...]:
    return (None, *array.shape[1:])


def _kind(tree: Any) -> str:
    """Return shapes and types of one sample."""
    return str(
        keras.tree.map_structure(lambda a: (np.shape(a)[1:], str(np.asarray(a).dtype)), tree)
    )
