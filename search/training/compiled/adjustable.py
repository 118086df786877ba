"""The numbers of a Keras model that can change without tracing its compiled function again.

Keras keeps momentum, dropout rates and penalties as Python numbers, which tracing turns into
constants. Here they are variables, with arithmetic that gives the same results to the last bit.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from studyhall.spaces import own_classes

_ANY_ALGORITHM = 3  # tf.random.Algorithm.AUTO_SELECT: Philox


class Number:
    """A stand-in for a Python number in a Keras object, which may change after tracing.

    Comparisons (is it zero, is it more than 1) use the number that it was created with; arithmetic
    reads a variable. ``1 - number`` is a variable of its own, because Keras computes that
    difference in double precision.
    """

    def __init__(self, value: float) -> None:
        self.sample = float(value)
        self.variables = [tf.Variable(v, trainable=False, dtype=tf.float32) for v in (value, 0.0)]
        self.assign(value)

    def assign(self, value: float) -> None:
        """Change the value; comparisons with the new value must have the same results."""
        for variable, new in zip(self.variables, (value, 1.0 - float(value)), strict=True):
            variable.assign(np.float32(new))

    @property
    def dtype(self) -> str:
        return "float32"

    def __tf_tensor__(self, dtype: Any = None, name: str | None = None) -> Any:
        value = self.variables[0].value()
        return value if dtype is None else tf.cast(value, dtype)

    def __rsub__(self, other: Any) -> Any:
        if isinstance(other, int | float) and other == 1:
            return self.variables[1].value()
        return other - self.variables[0]

    def __mul__(self, other: Any) -> Any:
        return self.variables[0] * tf.convert_to_tensor(other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return self.variables[0] / other

    def __rtruediv__(self, other: Any) -> Any:
        return other / self.variables[0]

    def __neg__(self) -> Any:
        return -self.variables[0]

    def __bool__(self) -> bool:
        return self.sample != 0

    def __eq__(self, other: object) -> bool:
        return self.sample == other

    def __hash__(self) -> int:
        return id(self)

    def __gt__(self, other: float) -> bool:
        return self.sample > other


class Penalty(keras.regularizers.Regularizer):  # type: ignore[misc]
    """A regularizer by L1, L2 or both, with factors that may change after tracing.

    Args:
        terms: "l1", "l2", or both.
    """

    def __init__(self, terms: tuple[str, ...]) -> None:
        self.factors = {term: tf.Variable(0.0, trainable=False) for term in terms}

    def assign(self, regularizer: Any) -> None:
        """Set the factors to those of a Keras regularizer."""
        for term, factor in self.factors.items():
            times = 2 if term == "l2" else 1  # `__call__` uses half the sum of squares
            factor.assign(np.float32(getattr(regularizer, term)) * times)

    def __call__(self, weights: Any) -> Any:
        weights, terms = tf.convert_to_tensor(weights), []
        if "l1" in self.factors:
            terms.append(self.factors["l1"] * tf.reduce_sum(tf.abs(weights)))
        if "l2" in self.factors:  # l2_loss is half the sum of squares; its gradient is simple
            terms.append(self.factors["l2"] * tf.nn.l2_loss(weights))
        return sum(terms[1:], terms[0])


class _AdjustableRate:
    """A mixin for Keras' dropout layers: variable rate, same random numbers as in Keras."""

    def adjust(self, rate: float) -> None:
        """Set another rate, above 0."""
        if not hasattr(self, "_rate"):
            with tf.init_scope():
                numbers = [tf.Variable(0.0, trainable=False) for _ in range(2)]
            self._rate = _Untracked(numbers)
        threshold, scale = self._rate.held
        threshold.assign(np.float32(rate))
        scale.assign(np.float32(1.0 / (1.0 - rate) if rate < 1 else 0.0))

    def _dropped(self, inputs: Any, shape: Any, *, each: bool = False) -> Any:
        """Return the inputs, some of them 0; with `each`, every element is drawn on its own."""
        threshold, scale = (tf.cast(number, inputs.dtype) for number in self._rate.held)
        seed = self.seed_generator.next()  # type: ignore[attr-defined]
        # As Keras reduces its seeds before TensorFlow's stateless generators take them.
        seed = tf.cast(tf.math.floormod(seed, tf.int32.max - 1), tf.int32)
        drawn = _uniform(shape, seed, inputs.dtype)
        kept, scaled = drawn >= threshold, inputs * scale
        if each:  # Select, on tensors of one shape, has a simpler gradient than `where`
            return tf.raw_ops.Select(condition=kept, x=scaled, y=tf.zeros_like(scaled))
        dropped = tf.where(kept, scaled, tf.zeros([], inputs.dtype))
        dropped.set_shape(inputs.shape)
        return dropped


def _uniform(shape: Any, seed: Any, dtype: Any) -> Any:
    """Return the numbers of `tf.random.stateless_uniform` from 0 to 1, without its rescaling."""
    key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(seed=seed)
    parts = {"key": key, "counter": counter, "alg": _ANY_ALGORITHM}
    return tf.raw_ops.StatelessRandomUniformV2(shape=shape, dtype=dtype, **parts)


class _Untracked:
    """A wrapper that hides variables from Keras, which would track them as weights of the layer."""

    def __init__(self, held: list[Any]) -> None:
        self.held = held


class Dropout(_AdjustableRate, keras.layers.Dropout):  # type: ignore[misc]
    """Keras' Dropout with a rate that may change after tracing."""

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training:
            return inputs
        shape = tf.shape(inputs)
        if self.noise_shape is None:
            return self._dropped(inputs, shape, each=True)
        sizes = zip(tf.unstack(shape), self.noise_shape, strict=True)
        shape = tf.stack([actual if size is None else size for actual, size in sizes])
        return self._dropped(inputs, shape)


class _SpatialDropout(_AdjustableRate):
    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training:
            return inputs
        first = getattr(self, "data_format", "channels_last") == "channels_first"
        kept = (0, 1 if first else len(inputs.shape) - 1)  # axes drawn separately: sample, channel
        sizes = enumerate(tf.unstack(tf.shape(inputs)))
        return self._dropped(inputs, tf.stack([n if axis in kept else 1 for axis, n in sizes]))


class SpatialDropout1D(_SpatialDropout, keras.layers.SpatialDropout1D):  # type: ignore[misc]
    """Keras' SpatialDropout1D with a rate that may change after tracing."""


class SpatialDropout2D(_SpatialDropout, keras.layers.SpatialDropout2D):  # type: ignore[misc]
    """Keras' SpatialDropout2D with a rate that may change after tracing."""


class SpatialDropout3D(_SpatialDropout, keras.layers.SpatialDropout3D):  # type: ignore[misc]
    """Keras' SpatialDropout3D with a rate that may change after tracing."""


def is_smoothed(loss: Any) -> bool:
    """Return whether a loss has a label smoothing that can be made adjustable."""
    if not own_classes.is_known(type(loss)):
        return False
    return getattr(loss, "label_smoothing", 0) > 0 and loss.reduction == "sum_over_batch_size"


def smoothed(loss: Any) -> Any:
    """Return a copy of a loss whose smoothing may change after tracing; other losses unchanged."""
    if not is_smoothed(loss):
        return loss
    copy = type(loss).from_config(loss.get_config())
    copy.label_smoothing = Number(loss.label_smoothing)
    if "label_smoothing" in getattr(copy, "_fn_kwargs", {}):
        copy._fn_kwargs["label_smoothing"] = copy.label_smoothing
    return copy


def take_smoothing(mine: Any, theirs: Any) -> None:
    """Set the smoothing of a copy made by `smoothed` to that of another loss."""
    if is_smoothed(theirs):
        mine.label_smoothing.assign(theirs.label_smoothing)


DROPOUTS = {
    keras.layers.Dropout: Dropout,
    keras.layers.SpatialDropout1D: SpatialDropout1D,
    keras.layers.SpatialDropout2D: SpatialDropout2D,
    keras.layers.SpatialDropout3D: SpatialDropout3D,
}
PENALTIES: dict[type, tuple[str, ...]] = {
    keras.regularizers.L1: ("l1",),
    keras.regularizers.L2: ("l2",),
    keras.regularizers.L1L2: ("l1", "l2"),
}
# Attributes of optimizers that may be a `Number`; those that an optimizer lacks are skipped.
OPTIMIZER_NUMBERS = (
    *("momentum", "beta_1", "beta_2", "rho", "weight_decay"),
    *("clipnorm", "global_clipnorm", "clipvalue"),
)
OPTIMIZERS = (
    *(keras.optimizers.SGD, keras.optimizers.RMSprop, keras.optimizers.Adagrad),
    *(keras.optimizers.Adadelta, keras.optimizers.Adam, keras.optimizers.AdamW),
)
