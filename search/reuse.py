"""Compiled models that later trials use again, the least recently used dropped by memory."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from search import compiled, feeding, signature
from search.twin import Twin

CHUNK_ELEMENTS = 2**23  # activations of the validation samples that are predicted at once
GRAPH_BYTES = 8 * 2**20  # of a compiled model, beside its variables
KEPT_BYTES = 2**30  # of compiled models in all


class Owner(Protocol):
    """Whoever's training is in a compiled model at the moment."""

    def park(self) -> None:
        """Take the training out, because another one needs the model."""


class CompiledModel:
    """A twin, its compiled functions, and whose training is in them."""

    def __init__(self, twin: Twin, epochs: compiled.Epochs) -> None:
        self.twin, self.epochs = twin, epochs
        self._owner: weakref.ref[Owner] | None = None

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
        return [*self.twin.variables(), *self.epochs.best]

    def bytes(self) -> int:
        """Memory that dropping it gives back, about."""
        held = sum(int(v.shape.num_elements()) * int(v.dtype.size) for v in self.variables())
        return held + GRAPH_BYTES


class CompiledModels:
    """One data set as tensors, and the models compiled for it.

    Attributes:
        samples, validated: Training and validation samples.
        features: Columns of sparse samples, else None.

    Args:
        train: (x, y).
        validation: (x, y).
    """

    def __init__(self, train: tuple[Any, Any], validation: tuple[Any, Any]) -> None:
        self._arrays = train, validation
        self._feeds: tuple[feeding.Feed, feeding.Feed] | None = None
        self._models: OrderedDict[str, CompiledModel] = OrderedDict()
        self.samples: int = train[0].shape[0]
        self.validated: int = validation[0].shape[0]
        self.features = None if isinstance(train[0], np.ndarray) else int(train[0].shape[1])

    def feeds(self, weights: np.ndarray | None) -> tuple[feeding.Feed, feeding.Feed]:
        """Training samples with their weights, and validation samples, as tensors."""
        if self._feeds is None:
            train, validation = self._arrays
            self._feeds = feeding.feed(*train), feeding.feed(*validation)
        train_feed, validation_feed = self._feeds
        if weights is not None:
            train_feed = train_feed | {"weights": tf.constant(weights)}
        return train_feed, validation_feed

    def weights(self, class_weight: dict[int, float] | None) -> np.ndarray | None:
        """Each training sample's weight, as Keras derives it from its class."""
        return feeding.sample_weights(self._arrays[0][1], class_weight)

    def find(self, model: Any, data_loss: Any) -> CompiledModel:
        """The compiled model that can train this one; made now where there is none.

        Raises:
            signature.NotCompilableError: It can't be compiled as a whole.
        """
        if not model.built:
            model.build((None, *self._arrays[0][0].shape[1:]))
        name = signature.of(model, data_loss)
        found = self._models.pop(name, None) or self._compiled(model, data_loss)
        self._models[name] = found
        self._drop_oldest()
        return found

    def _compiled(self, model: Any, data_loss: Any) -> CompiledModel:
        sparse = self.features is not None and _starts_dense(model)
        twin = Twin(model, sparse=sparse)
        _build_metrics(twin.model, self._arrays[1][1])
        epochs = compiled.Epochs(
            twin,
            data_loss or twin.model._compile_loss,
            chunk=max(32, CHUNK_ELEMENTS // _activations(twin.model)),
            features=self.features,
            densify=self.features is not None and not sparse,
        )
        return CompiledModel(twin, epochs)

    def _drop_oldest(self) -> None:
        while len(self._models) > 1 and sum(m.bytes() for m in self._models.values()) > KEPT_BYTES:
            self._models.popitem(last=False)


def _starts_dense(model: Any) -> bool:
    """Whether the first layer multiplies sparse inputs as they are."""
    import keras

    layers = [la for la in model.layers if not isinstance(la, keras.layers.InputLayer)]
    users = [la for la in layers if la.input is model.inputs[0]]
    return all(type(layer) is keras.layers.Dense for layer in users)


def _activations(model: Any) -> int:
    """Numbers that one sample becomes on its way through the model."""
    shapes = [model.inputs[0].shape, *(layer.output.shape for layer in model.layers)]
    return sum(int(np.prod([size or 1 for size in shape[1:]])) for shape in shapes)


def _build_metrics(model: Any, y: Any) -> None:
    """Let metrics make their variables now: a compiled function may not."""
    if model._compile_metrics is not None:
        few = tf.constant(np.asarray(y)[:2])
        predicted = tf.zeros((few.shape[0], *model.outputs[0].shape[1:]))
        model._compile_metrics.update_state(few, predicted)
        model._compile_metrics.reset_state()
