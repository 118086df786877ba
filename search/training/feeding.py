"""The samples of a training, held on the host.

Samples, targets and weights may each be a tree of arrays: dicts and tuples, as Keras' `fit` takes
them for several inputs and outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import keras
import numpy as np
import scipy.sparse


class Samples:
    """A set of samples and their targets.

    Args:
        x: (N, …) array, or scipy CSR matrix (N, features) if most features are 0; or anything
            that is indexed like an array and reads its rows from disk; or a tree of arrays.
            float64 becomes float32.
        y: (N, …) targets, or a tree of these.
        sample_weights: (N,) weights of the samples in the loss, or a tree of these with one for
            each output; None: all 1.

    Attributes:
        number: N.
        features: Columns of a CSR matrix, else None.
        on_disk: True if the rows are read from disk whenever some are taken.
        entries: Mean number of non-zero entries of its rows; else None.
        weights: (N,) float32 weights of the samples by their classes, in the loss of the training,
            or None.
        sample_weights: Float32 weights of the samples, in the losses of training and validation.
        held: Tensors of the samples, by name, as `tensors.of` made them; weighted forms share them.
        held_weights: Likewise of the weights.
    """

    def __init__(self, x: Any, y: Any, sample_weights: Any = None) -> None:
        self.x, self.y = _rows(_tree(x)), _mapped(_single, _mapped(np.asarray, _tree(y)))
        self.sample_weights = _mapped(_single, _tree(sample_weights))
        tree, sparse = keras.tree.is_nested(self.x), scipy.sparse.issparse(self.x)
        self.on_disk = not (tree or sparse or isinstance(self.x, np.ndarray))
        self.number: int = keras.tree.flatten(self.x)[0].shape[0]
        self.features = int(self.x.shape[1]) if sparse else None
        self.entries = None if self.features is None else self.x.nnz / max(1, self.number)
        self.weights: np.ndarray | None = None
        self._all_ones = self.features is not None and bool(np.all(self.x.data == 1))
        self.held: dict[str, Any] = {}
        self.held_weights: dict[str, Any] = {}

    def weighted(self, class_weight: dict[int, float] | None) -> Samples:
        """Return the same samples, each weighted by its class; 1 for a class without weight.

        Raises:
            ValueError: There are several targets, or weights of samples, as Keras does.
        """
        if class_weight is None:
            return self
        if keras.tree.is_nested(self.y) or self.sample_weights is not None:
            raise ValueError("class weights need a single target, without weights of samples")
        other = object.__new__(Samples)  # shares arrays and tensors instead of copying them
        vars(other).update(vars(self))
        other.weights = _of_classes(self.y, class_weight)
        other.held_weights = {}
        return other

    def bytes(self) -> int:
        """Return the memory that the tensors take, in bytes."""
        x = self.x if self.features is None else self.x.data
        entries = 16 * x.size if self.features is not None else 0  # int64 column, share of splits
        return entries + sum(int(each.nbytes) for each in keras.tree.flatten((x, self.y)))

    def arrays(self, chosen: Any) -> dict[str, Any]:
        """Return some samples as arrays, by the names of a feed.

        Args:
            chosen: Indexes or a slice.
        """
        weights = {} if self.weights is None else {"weights": self.weights[chosen]}
        return self.unweighted(chosen) | weights

    def unweighted(self, chosen: Any) -> dict[str, Any]:
        """Return some samples as `arrays` does, without the weights of their classes."""
        named = {"y": _some(self.y, chosen)}
        if self.sample_weights is not None:
            named["sample_weights"] = _some(self.sample_weights, chosen)
        if self.features is None:
            return named | {"x": _mapped(_single, _some(self.x, chosen))}
        matrix = self.x[chosen]
        named["splits"] = matrix.indptr.astype(np.int64)
        named["columns"] = matrix.indices.astype(np.int64)
        return named if self._all_ones else named | {"values": matrix.data.astype(np.float32)}

    def dense(self, chosen: Any) -> Any:
        """Return some samples, by indexes or a slice, as a dense array for a model: (n, …).

        Of several inputs it is a tree of arrays.
        """
        some = _some(self.x, chosen)
        return _mapped(_single, some) if self.features is None else _single(some.toarray())

    def batch(self, chosen: Any) -> tuple[Any, ...]:
        """Return some samples as `fit` takes a batch: (x, y) or (x, y, weights), x dense."""
        weights = self.sample_weights if self.weights is None else self.weights
        x, y = self.dense(chosen), _some(self.y, chosen)
        return (x, y) if weights is None else (x, y, _some(weights, chosen))


class BatchStream(Protocol):
    """Batches (x, y[, weights]) that are read anew in each epoch and never held as a whole.

    Attributes:
        batches: Their number in an epoch; None if it is not known.
    """

    batches: int | None

    def epoch(self, number: int, seed: int = 0, order: Sequence[int] | None = None) -> Any:
        """Return the batches of an epoch; number 0 returns the same ones each time.

        Args:
            number: From 1 in training.
            seed: Seed of the training.
            order: Numbers of the batches, for streams that can follow it.
        """

    def ended(self) -> None:
        """Take note that a training epoch has ended."""


@dataclass(frozen=True)
class TrainingData:
    """The data of a training.

    Attributes:
        train: Training samples, or a stream.
        validation: Validation samples, or a stream.
        stream: True if the data don't fit in memory and are fed in blocks.
    """

    train: Any
    validation: Any
    stream: bool


def shuffled(seed: int, epoch: int, samples: int) -> np.ndarray:
    """Return the order of the training samples in an epoch.

    Args:
        seed: Seed of the trial.
        epoch: Number of the epoch, from 1.
        samples: Number of samples.

    Returns:
        A permutation, int32 of shape (samples,).
    """
    # Philox is keyed by seed and epoch, so that any epoch's order is known without earlier ones.
    generator = np.random.Generator(np.random.Philox(key=[seed & (2**64 - 1), epoch]))
    return generator.permutation(samples).astype(np.int32)


def _of_classes(y: np.ndarray, class_weight: dict[int, float]) -> np.ndarray:
    """Return sample weights as `model.fit` does: of class numbers (N,) or one-hot (N, classes)."""
    classes = y.argmax(axis=1) if y.ndim > 1 and y.shape[1] > 1 else y.reshape(len(y)).astype(int)
    known, places = np.unique(classes, return_inverse=True)
    return np.array([class_weight.get(int(c), 1.0) for c in known], np.float32)[places]


def rows_of(tree: Any) -> int:
    """Return the number of rows of an array, or of the first one in a tree."""
    return int(keras.tree.flatten(tree)[0].shape[0])


def _tree(found: Any) -> Any:
    """Return tuples for lists, as Keras does: TensorFlow's data sets take lists for arrays."""
    return keras.tree.lists_to_tuples(found) if keras.tree.is_nested(found) else found


def _mapped(function: Any, tree: Any) -> Any:
    if tree is None:
        return None
    return keras.tree.map_structure(function, tree)


def _some(tree: Any, chosen: Any) -> Any:
    return _mapped(lambda leaf: leaf[chosen], tree)


def _rows(x: Any) -> Any:
    return scipy.sparse.csr_matrix(x) if scipy.sparse.issparse(x) else x


def _single(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32) if array.dtype == np.float64 else array
