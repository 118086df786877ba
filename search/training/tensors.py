"""The samples of a training as TensorFlow's tensors: whole, or in batches by tf.data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from studyhall.search.training import sparse
from studyhall.search.training.feeding import Samples

AHEAD = 2  # blocks that are read in advance
# Named tensors, or trees of tensors: x or splits, columns, values; y; weights, sample_weights
Feed = dict[str, Any]


def of(samples: Samples) -> Feed:
    """Return all samples as tensors, on the accelerator if there is one; made only once."""
    held = samples.held
    if not held:
        everything = samples.unweighted(slice(None))
        held.update(keras.tree.map_structure(tf.constant, everything))
    if samples.weights is None:
        return held
    if "weights" not in samples.held_weights:
        samples.held_weights["weights"] = tf.constant(samples.weights)
    return {**held, **samples.held_weights}


def specification(samples: Samples) -> dict[str, Any]:
    """Return the signature for tracing: a feed of any number of these samples."""
    few = samples.arrays(slice(0, 1))
    return keras.tree.map_structure(  # type: ignore[no-any-return]
        lambda array: tf.TensorSpec((None, *array.shape[1:]), array.dtype), few
    )


def take(feed: Feed, order: Any, features: int | None = None) -> tuple[Any, Any, Any]:
    """Take some samples from a feed.

    Args:
        feed: The samples.
        order: int32 indexes of shape (n,).
        features: Columns of a sparse feed.

    Returns:
        x of shape (n, …), dense or a SparseTensor; y; weights in the loss, or None.
    """
    weights = feed.get("weights", feed.get("sample_weights"))
    some = _gathered({"y": feed["y"], "weights": weights}, order)
    if "x" in feed:
        return _gathered(feed["x"], order), some["y"], some["weights"]
    return sparse.rows(feed, order, features), some["y"], some["weights"]


def _gathered(tree: Any, order: Any) -> Any:
    return keras.tree.map_structure(
        lambda leaf: None if leaf is None else tf.gather(leaf, order), tree
    )


def rows(feed: Feed) -> Any:
    """Return the number of samples in a feed, an int32 scalar."""
    return tf.shape(keras.tree.flatten(feed["y"])[0])[0]


def batches(samples: Samples, order: np.ndarray, size: int, *, stream: bool) -> tf.data.Dataset:
    """Return samples in batches of (x, y) or (x, y, weights), x dense, as `model.fit` takes them.

    Args:
        samples: The samples.
        order: int32 indexes of shape (n,).
        size: Samples per batch; the last may have fewer.
        stream: Read each batch from the arrays, instead of holding all samples as tensors.
    """
    plain = tf.autograph.experimental.do_not_convert  # it warns under Python 3.13, for nothing

    def batch(feed: Feed, chosen: Any) -> tuple[Any, ...]:
        x, y, weights = take(feed, chosen, samples.features)
        x = x if samples.features is None else tf.sparse.to_dense(x)
        return (x, y) if weights is None else (x, y, weights)

    if stream:
        whole = plain(lambda feed: batch(feed, tf.range(rows(feed))))
        return blocks(samples, order, size).map(whole)
    everything = of(samples)
    indexes = tf.data.Dataset.from_tensor_slices(order.astype(np.int32)).batch(size)
    return indexes.map(plain(lambda chosen: batch(everything, chosen))).prefetch(2)


def blocks(samples: Samples, order: np.ndarray, size: int) -> tf.data.Dataset:
    """Return a dataset of feeds of ``size`` samples each, read ahead in the background.

    Args:
        samples: Arrays in memory or mapped from a file.
        order: Indexes of shape (n,).
        size: Samples per block; the last may have fewer.
    """

    def read() -> Iterator[dict[str, Any]]:
        for start in range(0, len(order), size):
            yield samples.arrays(order[start : start + size])

    read_ahead = tf.data.Dataset.from_generator(read, output_signature=specification(samples))
    number = tf.data.experimental.assert_cardinality(-(-len(order) // size))
    return read_ahead.apply(number).prefetch(AHEAD)
