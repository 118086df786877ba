"""Samples as tensors: dense, or sparse where most features are 0; both taken by index."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse
import tensorflow as tf

Feed = dict[str, Any]  # tensors whose first axis runs over samples (over entries: columns, values)


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


def arrays(x: Any, y: Any, weights: Any = None) -> dict[str, np.ndarray]:
    """The arrays of a feed, by name.

    Args:
        x: (N, …) array or (N, features) scipy CSR matrix; float64 becomes float32.
        y: (N, …) targets.
        weights: (N,) sample weights, or None.
    """
    named = {"y": _single(np.asarray(y))}
    if weights is not None:
        named["weights"] = np.asarray(weights, np.float32)
    if not scipy.sparse.issparse(x):
        return named | {"x": _single(x)}
    matrix = scipy.sparse.csr_matrix(x)
    named["splits"] = matrix.indptr.astype(np.int64)
    named["columns"] = matrix.indices.astype(np.int64)
    if not np.all(matrix.data == 1):
        named["values"] = matrix.data.astype(np.float32)
    return named


def feed(x: Any, y: Any, weights: Any = None) -> Feed:
    """Samples as tensors, on the accelerator where there is one."""
    return {name: tf.constant(array) for name, array in arrays(x, y, weights).items()}


def sample_weights(y: Any, class_weight: dict[int, float] | None) -> np.ndarray | None:
    """Each sample's weight in the loss, as Keras' fit derives it from its class.

    Args:
        y: (N,) class indexes, or (N, classes) of which the highest counts.
        class_weight: Weights of classes; 1 for a class that is not in it.

    Returns:
        float32 of shape (N,), or None without class weights.
    """
    if class_weight is None:
        return None
    y = np.asarray(y)
    classes = y.argmax(axis=1) if y.ndim > 1 and y.shape[1] > 1 else y.reshape(len(y)).astype(int)
    known, places = np.unique(classes, return_inverse=True)
    return np.array([class_weight.get(int(c), 1.0) for c in known], np.float32)[places]


def specification(feed: Feed) -> dict[str, Any]:
    """The same for any number of samples: what a compiled function is traced for."""
    return {name: tf.TensorSpec((None, *t.shape[1:]), t.dtype) for name, t in feed.items()}


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
    return _take_sparse(feed, order, features), y, weights


def _take_sparse(feed: Feed, order: Any, features: int | None) -> Any:
    columns = _rows(feed, feed["columns"], order)
    values = tf.ones_like(columns.values, tf.float32)
    if "values" in feed:
        values = _rows(feed, feed["values"], order).values
    places = tf.stack([columns.value_rowids(), columns.values], axis=1)
    shape = tf.stack([tf.size(order, tf.int64), tf.constant(features, tf.int64)])
    return tf.SparseTensor(places, values, shape)


def _rows(feed: Feed, entries: Any, order: Any) -> Any:
    return tf.gather(
        tf.RaggedTensor.from_row_splits(entries, feed["splits"], validate=False), order
    )


def _single(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32) if array.dtype == np.float64 else array
