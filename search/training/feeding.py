"""Samples on their way into a model: kept on the host, and as tensors where they fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
import tensorflow as tf

from studyhall.search.training import sparse

Feed = dict[str, Any]  # named tensors: x or splits, columns, values; y; weights


class Samples:
    """Some samples and their targets.

    Args:
        x: (N, …) array, or scipy CSR matrix (N, features) where most features are 0; float64
            becomes float32.
        y: (N, …) targets.

    Attributes:
        number: N.
        features: Columns of a CSR matrix, else None.
        entries: Of its rows, on average, that are not 0; else None.
        weights: (N,) float32 weights of the samples in the loss, or None.
    """

    def __init__(self, x: Any, y: Any) -> None:
        self.x, self.y = _rows(x), _single(np.asarray(y))
        self.number: int = self.x.shape[0]
        self.features = int(self.x.shape[1]) if scipy.sparse.issparse(self.x) else None
        self.entries = None if self.features is None else self.x.nnz / max(1, self.number)
        self.weights: np.ndarray | None = None
        self._all_ones = self.features is not None and bool(np.all(self.x.data == 1))
        self._tensors: Feed = {}

    def weighted(self, class_weight: dict[int, float] | None) -> Samples:
        """The same samples, each with its class's weight; 1 for a class that has none."""
        if class_weight is None:
            return self
        other = object.__new__(Samples)
        vars(other).update(vars(self))
        other.weights = _of_classes(self.y, class_weight)
        other._tensors = {**self.tensors(), "weights": tf.constant(other.weights)}
        return other

    def bytes(self) -> int:
        """Memory that the tensors take."""
        x = self.x if self.features is None else self.x.data
        entries = 16 if self.features is not None else 0  # int64 column, and half a split
        return int(x.nbytes + entries * x.size + self.y.nbytes)

    def tensors(self) -> Feed:
        """All samples as tensors, on the accelerator where there is one."""
        if not self._tensors:
            everything = self.arrays(slice(None))
            self._tensors = {name: tf.constant(array) for name, array in everything.items()}
        return self._tensors

    def arrays(self, chosen: Any) -> dict[str, np.ndarray]:
        """Some samples as arrays, by the names of a feed.

        Args:
            chosen: Indexes or a slice.
        """
        named = {"y": self.y[chosen]}
        if self.weights is not None:
            named["weights"] = self.weights[chosen]
        if self.features is None:
            return named | {"x": _single(self.x[chosen])}
        matrix = self.x[chosen]
        named["splits"] = matrix.indptr.astype(np.int64)
        named["columns"] = matrix.indices.astype(np.int64)
        return named if self._all_ones else named | {"values": matrix.data.astype(np.float32)}

    def dense(self, chosen: slice) -> np.ndarray:
        """Some samples as a model takes them: (n, …)."""
        some = self.x[chosen]
        return _single(some if self.features is None else some.toarray())

    def specification(self) -> dict[str, tf.TensorSpec]:
        """What a function is traced for: a feed of any number of these samples."""
        few = self.arrays(slice(0, 1))
        return {name: tf.TensorSpec((None, *a.shape[1:]), a.dtype) for name, a in few.items()}


@dataclass(frozen=True)
class TrainingData:
    """What trainings see.

    Attributes:
        train: Training samples.
        validation: Validation samples.
        stream: Whether they pass by in blocks, because they don't fit in memory.
    """

    train: Samples
    validation: Samples
    stream: bool


def take(feed: Feed, order: Any, features: int | None = None) -> tuple[Any, Any, Any]:
    """Some samples of a feed.

    Args:
        feed: The samples.
        order: int32 indexes of shape (n,).
        features: Columns of a sparse feed.

    Returns:
        x of shape (n, …), dense or a SparseTensor; y; sample weights or None.
    """
    weights = tf.gather(feed["weights"], order) if "weights" in feed else None
    y = tf.gather(feed["y"], order)
    if "x" in feed:
        return tf.gather(feed["x"], order), y, weights
    return sparse.rows(feed, order, features), y, weights


def shuffled(seed: int, epoch: int, samples: int) -> np.ndarray:
    """The order in which an epoch goes through the training samples.

    Args:
        seed: Of the trial.
        epoch: Counted from 1.
        samples: How many there are.

    Returns:
        A permutation, int32 of shape (samples,).
    """
    generator = np.random.Generator(np.random.Philox(key=[seed & (2**64 - 1), epoch]))
    return generator.permutation(samples).astype(np.int32)


def _of_classes(y: np.ndarray, class_weight: dict[int, float]) -> np.ndarray:
    """As Keras' fit derives sample weights: (N,) class numbers, or (N, classes) one-hot."""
    classes = y.argmax(axis=1) if y.ndim > 1 and y.shape[1] > 1 else y.reshape(len(y)).astype(int)
    known, places = np.unique(classes, return_inverse=True)
    return np.array([class_weight.get(int(c), 1.0) for c in known], np.float32)[places]


def _rows(x: Any) -> Any:
    return scipy.sparse.csr_matrix(x) if scipy.sparse.issparse(x) else x


def _single(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32) if array.dtype == np.float64 else array
