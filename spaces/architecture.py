"""Architecture hyperparameters: the built-in model families ``mlp``, ``cnn``, ``sequence`` …

All layers are Keras layers, named by their position (``dense_1``, ``dropout_1``). So two models of
the same architecture have the same layer names in every trial, and an exported model loads without
studyhall.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers

from studyhall.spaces import applications, backbone, hyperparameters, sequence, text
from studyhall.spaces.entry import Value
from studyhall.spaces.failures import ArchitectureError
from studyhall.spaces.hidden_layers import Tensor, Values, dropped, hidden, integer, of_layer
from studyhall.spaces.regularization import augmentation

__all__ = ["EMBEDDING", "ArchitectureError", "build"]

EMBEDDING = 8  # numbers that stand for a value of a category of many values


def build(
    family: str,
    values: Values,
    input_shape: tuple[int, ...],
    outputs: int,
    task: str,
    units: tuple[Any, Any] | None = None,
    pretrained: backbone.Weights | None = None,
    embedded: Mapping[int, int] | None = None,
) -> keras.Model:
    """Build the uncompiled model of a trial.

    Args:
        family: ``mlp``, ``cnn``, ``sequence``, ``text`` or ``keras:…``.
        values: The trial's hyperparameters; missing ones keep the family's default.
        input_shape: Shape of one prepared sample. An ``mlp`` flattens it; a ``cnn`` needs images,
            (height, width, channels) or (height, width); a ``sequence`` needs (steps, features). A
            ``text`` takes word numbers, (length,), whatever the shape is.
        outputs: Units of the last layer: classes, labels or target columns; 1 for ``binary``.
        task: ``binary``, ``multiclass``, ``multilabel`` or ``regression``; selects the activation
            of the last layer: sigmoid, softmax, sigmoid or linear.
        units: Mean and deviation of each target, (outputs,), of a regression: the network computes
            in these units, and a layer at its end returns numbers like the targets.
        pretrained: weights of the backbone of a family ``keras:…``.
        embedded: the features that number the values of a category, from 0: how many numbers there
            are, by the feature's place. ``mlp`` and ``sequence`` learn a vector for each.

    Raises:
        ArchitectureError: If no model can be built from these values for samples of this shape.
    """
    try:
        known = {**hyperparameters.defaults(family), **values}
        model = _built(family, known, input_shape, outputs, task, pretrained, embedded or {})
        return model if units is None else _in_units(model, *units)
    except RecursionError as error:
        raise ArchitectureError(f"{_layers(values)}: more layers than Keras can connect") from error


def _layers(values: Values) -> str:
    """Return the values that decide the number of layers, for an error message."""
    many = {name: values[name] for name in ("depth", "convolutions") if name in values}
    return ", ".join(f"{name} = {value}" for name, value in many.items())


def _built(
    family: str,
    values: Values,
    input_shape: tuple[int, ...],
    outputs: int,
    task: str,
    pretrained: backbone.Weights | None,
    embedded: Mapping[int, int],
) -> keras.Model:
    inputs = text.inputs(values) if family == "text" else layers.Input(input_shape, name="input")
    tensor = _embedded(_augmented(values, inputs, input_shape), embedded)
    if applications.is_named(family):
        tensor = backbone.read(applications.read(family), values, tensor, pretrained)
    else:
        tensor = _FAMILIES[family](values, tensor)
    # Under mixed precision the output stays float32: softmax in 16 bits is numerically unstable.
    last = layers.Dense(outputs, activation=_LAST[task], name="output", dtype="float32")
    return keras.Model(inputs, last(tensor), name=hyperparameters.column(family))


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


def _embedded(tensor: Tensor, embedded: Mapping[int, int]) -> Tensor:
    """Replace numbers of values by learned vectors, (…, features) as before.

    They begin as zeros, so that a value without a training sample adds nothing.
    """
    if not embedded:
        return tensor
    rest = [place for place in range(tensor.shape[-1]) if place not in embedded]
    parts = [keras.ops.take(tensor, rest, axis=-1)] if rest else []
    for place, count in embedded.items():
        numbers = keras.ops.cast(tensor[..., place], "int32")
        vectors = layers.Embedding(count, EMBEDDING, "zeros", name=f"embedding_{place + 1}")
        parts.append(vectors(numbers))
    return layers.Concatenate(name="features")(parts) if len(parts) > 1 else parts[0]


def _mlp(values: Values, tensor: Tensor) -> Tensor:
    """Add hidden dense layers, each followed by dropout."""
    if len(tensor.shape) > 2:
        tensor = layers.Flatten(name="flatten")(tensor)
    for layer in range(1, _depth(values) + 1):
        width = of_layer(values, "width", layer)
        tensor = hidden(values, tensor, layers.Dense, width, layer, f"{layer}")
        tensor = dropped(tensor, of_layer(values, "dropout", layer), f"{layer}")
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
        tensor = hidden(values, tensor, layers.Dense, width, depth, "head")
        dropout = values.get("head_dropout", of_layer(values, "dropout", depth))
        tensor = dropped(tensor, dropout, "head")
    return tensor


def _block(values: Values, tensor: Tensor, block: int) -> Tensor:
    convolution = partial(layers.Conv2D, kernel_size=3, padding="same")
    for each in range(1, integer(values["convolutions"]) + 1):
        place = f"{block}_{each}"
        tensor = hidden(values, tensor, convolution, _filters(values, block), block, place)
    tensor = layers.MaxPooling2D(2, name=f"pool_{block}")(tensor)
    return dropped(tensor, of_layer(values, "dropout", block), f"{block}")


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


_FAMILIES = {"mlp": _mlp, "cnn": _cnn, "sequence": sequence.read, "text": text.read}


def _depth(values: Values) -> int:
    return integer(values["depth"])


def _filters(values: Values, block: int) -> Value:
    """Return the filters of a block: as listed per block, or doubled from block to block."""
    width = values["width"]
    return width[block - 1] if isinstance(width, list) else integer(width) * 2 ** (block - 1)
