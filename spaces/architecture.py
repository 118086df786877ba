"""Architecture hyperparameters: the built-in model families ``mlp`` and ``cnn``.

All layers are Keras layers, named by their position (``dense_1``, ``dropout_1``). So two models of
the same architecture have the same layer names in every trial, and an exported model loads without
studyhall.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers

from studyhall.spaces import hyperparameters
from studyhall.spaces.entry import Value
from studyhall.spaces.failures import ArchitectureError
from studyhall.spaces.legal import Scalar
from studyhall.spaces.regularization import augmentation, regularizer

__all__ = ["ArchitectureError", "build"]

Values = Mapping[str, Value]
Tensor = Any  # a symbolic Keras tensor
MakeLayer = Callable[..., keras.Layer]  # Dense or Conv2D; called with the width


def build(
    family: str,
    values: Values,
    input_shape: tuple[int, ...],
    outputs: int,
    task: str,
    units: tuple[Any, Any] | None = None,
) -> keras.Model:
    """Build the uncompiled model of a trial.

    Args:
        family: ``mlp`` or ``cnn``.
        values: The trial's hyperparameters; missing ones keep the family's default.
        input_shape: Shape of one prepared sample. An ``mlp`` flattens it; a ``cnn`` needs images,
            (height, width, channels) or (height, width).
        outputs: Units of the last layer: classes, labels or target columns; 1 for ``binary``.
        task: ``binary``, ``multiclass``, ``multilabel`` or ``regression``; selects the activation
            of the last layer: sigmoid, softmax, sigmoid or linear.
        units: Mean and deviation of each target, (outputs,), of a regression: the network computes
            in these units, and a layer at its end returns numbers like the targets. An ``mlp`` of
            flat samples then also has a straight line beside its hidden layers.

    Raises:
        ArchitectureError: If no model can be built from these values for samples of this shape.
    """
    try:
        known = {**hyperparameters.defaults(family), **values}
        model = _built(family, known, input_shape, outputs, task)
        if units is None:
            return model
        flat = family == "mlp" and len(input_shape) == 1
        return _in_units(_from_a_line(model) if flat else model, *units)
    except RecursionError as error:
        raise ArchitectureError(f"{_layers(values)}: more layers than Keras can connect") from error


def _layers(values: Values) -> str:
    """Return the values that decide the number of layers, for an error message."""
    many = {name: values[name] for name in ("depth", "convolutions") if name in values}
    return ", ".join(f"{name} = {value}" for name, value in many.items())


def _built(
    family: str, values: Values, input_shape: tuple[int, ...], outputs: int, task: str
) -> keras.Model:
    inputs = layers.Input(input_shape, name="input")
    tensor = _augmented(values, inputs, input_shape)
    tensor = {"mlp": _mlp, "cnn": _cnn}[family](values, tensor)
    # Under mixed precision the output stays float32: softmax in 16 bits is numerically unstable.
    last = layers.Dense(outputs, activation=_LAST[task], name="output", dtype="float32")
    return keras.Model(inputs, last(tensor), name=family)


def _from_a_line(model: keras.Model) -> keras.Model:
    """Add a straight line to an mlp; both begin at 0, and the layers learn what differs from it."""
    last = model.get_layer("output")
    last.kernel.assign(keras.ops.zeros_like(last.kernel))
    line = layers.Dense(
        last.units, use_bias=False, kernel_initializer="zeros", name="line", dtype="float32"
    )
    both = layers.Add(name="line_and_output", dtype="float32")([line(model.input), model.output])
    return keras.Model(model.input, both, name=model.name)


def _in_units(model: keras.Model, mean: Any, deviation: Any) -> keras.Model:
    scale, offset = (np.ravel(each).tolist() for each in (deviation, mean))
    rescaled = layers.Rescaling(scale, offset, name="units", dtype="float32")(model.output)
    return keras.Model(model.input, rescaled, name=model.name)


_LAST = {
    "binary": "sigmoid",
    "multiclass": "softmax",
    "multilabel": "sigmoid",
    "regression": "linear",
}


def _augmented(values: Values, inputs: Tensor, input_shape: tuple[int, ...]) -> Tensor:
    tensor, steps = inputs, augmentation(values, input_shape)
    if len(input_shape) == 2 and steps:
        tensor = layers.Reshape((*input_shape, 1), name="image")(tensor)
    for step in steps:
        # Keras' augmentation layers are active by default; `fit` passes training=True itself.
        tensor = step(tensor, training=False)
    return tensor


def _mlp(values: Values, tensor: Tensor) -> Tensor:
    """Add hidden dense layers, each followed by dropout."""
    if len(tensor.shape) > 2:
        tensor = layers.Flatten(name="flatten")(tensor)
    for layer in range(1, _depth(values) + 1):
        width = _of_layer(values, "width", layer)
        tensor = _hidden(values, tensor, layers.Dense, width, layer, f"{layer}")
        tensor = _dropped(tensor, _of_layer(values, "dropout", layer), f"{layer}")
    return tensor


def _cnn(values: Values, tensor: Tensor) -> Tensor:
    """Add blocks of convolutions, each halving the image size, then an optional dense layer."""
    depth = _depth(values)
    tensor = _as_image(tensor)
    _check_pooling(depth, tensor.shape[1:3])
    for block in range(1, depth + 1):
        tensor = _block(values, tensor, block)
    tensor = layers.Flatten(name="flatten")(tensor)
    if width := values["head_width"]:
        tensor = _hidden(values, tensor, layers.Dense, width, depth, "head")
        dropout = values.get("head_dropout", _of_layer(values, "dropout", depth))
        tensor = _dropped(tensor, dropout, "head")
    return tensor


def _block(values: Values, tensor: Tensor, block: int) -> Tensor:
    convolution = partial(layers.Conv2D, kernel_size=3, padding="same")
    for each in range(1, _integer(values["convolutions"]) + 1):
        place = f"{block}_{each}"
        tensor = _hidden(values, tensor, convolution, _filters(values, block), block, place)
    tensor = layers.MaxPooling2D(2, name=f"pool_{block}")(tensor)
    return _dropped(tensor, _of_layer(values, "dropout", block), f"{block}")


def _hidden(
    values: Values, tensor: Tensor, make: MakeLayer, width: Value, layer: int, place: str
) -> Tensor:
    """Add one hidden layer: weights, batch norm, activation. Dropout follows batch norm (book)."""
    activation = str(_of_layer(values, "activation", layer))
    normalized = bool(_of_layer(values, "batch_norm", layer))

    def weighted(piece: str = "") -> Tensor:
        weights = make(
            width,
            name=f"{_KIND[len(tensor.shape)]}_{place}{piece}",
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


_KIND = {2: "dense", 4: "conv"}
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
        case "prelu":  # one learned slope per unit or filter, shared over the image
            return layers.PReLU(shared_axes=[1, 2] if rank == 4 else None, name=name)
    return layers.Activation(activation, name=name)


def _dropped(tensor: Tensor, share: Value, place: str) -> Tensor:
    return layers.Dropout(share, name=f"dropout_{place}")(tensor) if share else tensor


def _as_image(tensor: Tensor) -> Tensor:
    shape = tensor.shape[1:]
    if len(shape) == 2:
        return layers.Reshape((*shape, 1), name="image")(tensor)
    if len(shape) != 3:
        raise ArchitectureError(
            f'family = "cnn" needs images (height, width, channels), received samples of shape '
            f'{shape}; family = "mlp" takes these'
        )
    return tensor


def _check_pooling(depth: int, size: tuple[int, int]) -> None:
    most = int(math.log2(min(size)))
    if depth > most:
        raise ArchitectureError(
            f"depth = {depth}: images of {size[0]}×{size[1]} can be halved only {most} times"
        )


def _depth(values: Values) -> int:
    return _integer(values["depth"])


def _filters(values: Values, block: int) -> Value:
    """Return the filters of a block: as listed per block, or doubled from block to block."""
    width = values["width"]
    return width[block - 1] if isinstance(width, list) else _integer(width) * 2 ** (block - 1)


def _of_layer(values: Values, name: str, layer: int) -> Scalar:
    """Return the value of a hyperparameter in a hidden layer, counted from 1."""
    value = values[name]
    return value[layer - 1] if isinstance(value, list) else value


def _integer(value: Value) -> int:
    assert isinstance(value, int), value
    return value
