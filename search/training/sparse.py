"""The sparse samples of a training: only non-zero features are stored, gathered and multiplied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf


def rows(feed: Mapping[str, Any], order: Any, features: int | None) -> Any:
    """Gather some samples of a sparse feed.

    Args:
        feed: splits (N + 1,), columns (entries,) and, unless all are 1, values (entries,).
        order: int32 indexes of shape (n,).
        features: Number of columns.

    Returns:
        A SparseTensor of shape (n, features), float32.
    """
    columns = _entries(feed, feed["columns"], order)
    values = tf.ones_like(columns.values, tf.float32)
    if "values" in feed:
        values = _entries(feed, feed["values"], order).values
    places = tf.stack([columns.value_rowids(), columns.values], axis=1)
    shape = tf.stack([tf.size(order, tf.int64), tf.constant(features, tf.int64)])
    return tf.SparseTensor(places, values, shape)


def _entries(feed: Mapping[str, Any], entries: Any, order: Any) -> Any:
    ragged = tf.RaggedTensor.from_row_splits(entries, feed["splits"], validate=False)
    return tf.gather(ragged, order)


class SparseDense(keras.layers.Dense):  # type: ignore[misc]
    """A Dense layer for sparse samples, up to three times as fast as Keras' own product."""

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        if not isinstance(inputs, tf.SparseTensor):
            return super().call(inputs, training=training)
        outputs = _product(inputs, tf.convert_to_tensor(self.kernel))
        if self.bias is not None:
            outputs = tf.nn.bias_add(outputs, tf.convert_to_tensor(self.bias))
        return outputs if self.activation is None else self.activation(outputs)


def _product(samples: Any, kernel: Any) -> Any:
    """Return samples @ kernel, (n, features) × (features, units), computed on CSR matrices."""
    parts = {"indices": samples.indices, "values": samples.values}
    matrix = tf.raw_ops.SparseTensorToCSRSparseMatrix(**parts, dense_shape=samples.dense_shape)

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def product(kernel: Any) -> Any:
        def gradient(upstream: Any) -> Any:
            return tf.raw_ops.SparseMatrixMatMul(a=matrix, b=upstream, transpose_a=True)

        return tf.raw_ops.SparseMatrixMatMul(a=matrix, b=kernel), gradient

    outputs = product(kernel)
    outputs.set_shape((None, kernel.shape[1]))
    return outputs
