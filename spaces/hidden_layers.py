"""Hidden layers of the built-in families: weights, batch norm, activation, then dropout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
from keras import layers

from studyhall.spaces.entry import Value
from studyhall.spaces.legal import Scalar
from studyhall.spaces.regularization import regularizer

Values = Mapping[str, Value]
Tensor = Any  # a symbolic Keras tensor
MakeLayer = Callable[..., keras.Layer]  # Dense, Conv1D or Conv2D; called with the width


def hidden(
    values: Values, tensor: Tensor, make: MakeLayer, width: Value, layer: int, place: str
) -> Tensor:
    """Add one hidden layer: weights, batch norm, activation. Dropout follows batch norm (book)."""
    activation = str(of_layer(values, "activation", layer))
    normalized = bool(of_layer(values, "batch_norm", layer))
    kind = "dense" if make is layers.Dense else "conv"

    def weighted(piece: str = "") -> Tensor:
        weights = make(
            width,
            name=f"{kind}_{place}{piece}",
            use_bias=not normalized,  # batch norm adds its own offset
            kernel_initializer=_INITIALIZERS.get(activation, "he_uniform"),
            kernel_regularizer=regularizer(values),
        )
        norm = layers.BatchNormalization(name=f"batch_norm_{place}{piece}")
        return norm(weights(tensor)) if normalized else weights(tensor)

    name = f"{activation}_{place}"
    if activation == "maxout":  # the maximum of two linear layers
        return layers.Maximum(name=name)([weighted("_a"), weighted("_b")])
    return _activation(activation, name, len(tensor.shape))(weighted())


_INITIALIZERS = {  # he_uniform for all others, which are (nearly) linear for inputs > 0
    "tanh": "glorot_uniform",
    "sigmoid": "glorot_uniform",
    "selu": "lecun_normal",
    "maxout": "lecun_normal",  # the maximum of two values has the second moment of one
}
_LEAK = 0.01  # slope of leaky_relu for inputs < 0 (book)


def _activation(activation: str, name: str, rank: int) -> keras.Layer:
    match activation:
        case "leaky_relu":
            return layers.LeakyReLU(negative_slope=_LEAK, name=name)
        case "prelu":  # one learned slope per unit or filter, shared over the image or the steps
            shared = [*range(1, rank - 1)]
            return layers.PReLU(shared_axes=shared or None, name=name)
    return layers.Activation(activation, name=name)


def dropped(tensor: Tensor, share: Value, place: str) -> Tensor:
    """Add dropout, unless the share is 0."""
    return layers.Dropout(share, name=f"dropout_{place}")(tensor) if share else tensor


def of_layer(values: Values, name: str, layer: int) -> Scalar:
    """Return the value of a hyperparameter in a hidden layer, counted from 1."""
    value = values[name]
    return value[layer - 1] if isinstance(value, list) else value


def integer(value: Value) -> int:
    """Return a value that is a whole number."""
    assert isinstance(value, int), value
    return value
