"""Compiled models that later trials use again, the least recently used dropped by memory."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from studyhall.search.training import batching, memory
from studyhall.search.training.compiled import likeness, sharing, signature
from studyhall.search.training.compiled.epochs import Whole
from studyhall.search.training.compiled.steps import Steps
from studyhall.search.training.compiled.stream import Streamed
from studyhall.search.training.compiled.twin import Twin
from studyhall.search.training.compiled.unshared import Unshared
from studyhall.search.training.compiled.xla import Fused
from studyhall.search.training.feeding import TrainingData

CHUNK_ELEMENTS = 2**23  # activations of the validation samples that are predicted at once
COPIES = 4  # of the weights: themselves, two slots of the optimizer, the best
OPERATION_BYTES = 6 * 2**10  # of a traced operation: measured, 5 to 8 KiB
KEPT_BYTES = 2**28  # of compiled models in all


class Owner(Protocol):
    """Whoever's training is in a compiled model at the moment."""

    def park(self) -> None:
        """Take the training out, because another one needs the model."""


class CompiledModel:
    """A twin, its compiled epochs, and whose training is in them.

    Attributes:
        hindrance: Why it serves one model alone, or None.
    """

    hindrance: str | None = None

    def __init__(self, twin: Twin | Unshared, steps: Steps, epochs: Whole | Streamed) -> None:
        self.twin, self.steps, self.epochs = twin, steps, epochs
        self._owner: weakref.ref[Owner] | None = None
        self._bytes = 0

    def load(self, model: Any, learning_rate: float) -> None:
        """Put a model into the twin, as its builder returned it."""
        self.twin.load(model, learning_rate)
        self.steps.chunk.assign(_chunk(model))
        for best, weight in zip(self.steps.best, model.weights, strict=True):
            best.assign(weight)
        weights = sum(int(np.prod(w.shape)) * w.value.dtype.size for w in model.weights)
        self._bytes = max(self._bytes, weights * COPIES)

    def enter(self, owner: Owner) -> bool:
        """Make this the owner; False if it was already."""
        before = self._owner() if self._owner is not None else None
        if before is owner:
            return False
        if before is not None:
            before.park()
        self._owner = weakref.ref(owner)
        return True

    def variables(self) -> list[Any]:
        """Everything that a training changes, in a fixed order."""
        return [*self.twin.variables(), *self.steps.best]

    def bytes(self) -> int:
        """Memory that dropping it gives back, about."""
        return self._bytes + self.epochs.operations * OPERATION_BYTES


class CompiledModels:
    """Compiled models by signature, those used last kept as memory allows."""

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
        """The compiled model that can train this one; made now where there is none.

        Args:
            model: Compiled by Keras, as its builder returned it.
            data: What it is to be trained on.
            data_loss: Of the value, or None for the model's own.
            objective: The metric that is an epoch's value, and its sign.
            xla: Whether its epochs go through XLA.

        Raises:
            signature.NotCompilableError: Only Keras' own fit can train it.
        """
        signature.refuse_class(model)
        if not model.built:
            model.build((None, *data.train.x.shape[1:]))
        signature.refuse(model)
        if (hindrance := sharing.hindrance(model)) is not None:
            memory.release()  # of the one before it
            alone = _compiled(model, data, data_loss, objective, xla, shared=False)
            alone.hindrance = hindrance
            return alone
        kind = (data.stream, data.train.features, data.train.y.shape[1:], str(data.train.y.dtype))
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
        while len(self._models) > 1 and self._bytes() > KEPT_BYTES * 3 // 4:  # not one by one
            self._models.popitem(last=False)
        memory.release()

    def _bytes(self) -> int:
        return sum(model.bytes() for model in self._models.values())


OF_THIS_PROCESS = CompiledModels()  # folds differ in their samples only


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
    fused = xla and features is None and not data.stream
    twin: Twin | Unshared
    if shared:
        twin = Twin(model, sparse=features is not None, open_widths=not fused)
        likeness.require(twin, model, data.validation)
    else:
        likeness.require_steady(model, data.train)
        twin = Unshared(model, sparse=features is not None)
    _build_metrics(twin.model, data.validation.y)
    steps = Steps(twin, data_loss, features, objective)
    if data.stream:
        return CompiledModel(twin, steps, Streamed(steps))
    return CompiledModel(twin, steps, Fused(steps, _chunk(model)) if fused else Whole(steps))


def _chunk(model: Any) -> int:
    """Validation samples that are predicted at once: their activations take some tens of MB."""
    if (batch := batching.validation_batch(model)) is not None:
        return batch
    shapes = [model.inputs[0].shape, *(layer.output.shape for layer in model.layers)]
    per_sample = sum(int(np.prod([size or 1 for size in shape[1:]])) for shape in shapes)
    return int(max(32, CHUNK_ELEMENTS // per_sample))


def _build_metrics(model: Any, y: Any) -> None:
    """Let metrics make their variables now: a compiled function may not."""
    if model._compile_metrics is not None:
        few = tf.constant(np.asarray(y)[:2])
        predicted = tf.zeros((few.shape[0], *model.outputs[0].shape[1:]))
        model._compile_metrics.update_state(few, predicted)
        model._compile_metrics.reset_state()
