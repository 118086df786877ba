"""The families ``keras:…``: a network of `keras.applications` as backbone, with a head of its own.

Source: the Keras guide "Transfer learning and fine-tuning". Layers that are not trained behave in
training as in prediction: their batch normalization keeps its means, and nothing is dropped.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from studyhall.spaces.applications import Application
from studyhall.spaces.failures import ArchitectureError
from studyhall.spaces.fine_tuning import slowed
from studyhall.spaces.hidden_layers import Tensor, Values, dropped, hidden, integer, of_layer

Weights = Sequence[NDArray[Any]]  # of the backbone's variables, in Keras' order

MEAN, DEVIATION = (0.485, 0.456, 0.406), np.array((0.229, 0.224, 0.225))  # of ImageNet's colours
WHITE = 255.0  # of a pixel as applications take it; here pixels are 0 to 1
HEAD = ("dense_head", "dense_head_a", "dense_head_b", "prelu_head", "output")
FINE_TUNING_RATE = 0.1  # default, of pretrained layers
NONE, IMAGENET = "none", "imagenet"


class WeightsError(ValueError):
    """An error: the weights of a backbone can't be had; the message says what was received."""


def weights(application: Application, source: str, folder: Path) -> Weights | None:
    """Return the weights that a backbone begins with; None if they are drawn at random.

    Args:
        application: the network.
        source: "none", "imagenet" (Keras fetches them), or a file of weights.
        folder: to which the file's path is relative.

    Raises:
        WeightsError: they can't be fetched, or the file does not fit.
    """
    if source == NONE:
        return None
    if source == IMAGENET:
        return _got(partial(_made, application, weights=IMAGENET), IMAGENET)
    path = folder / source
    if not path.is_file():
        raise WeightsError(f'"{source}", which does not exist ({path.absolute()})')

    return _got(partial(_loaded, application, path), source)


def _made(application: Application, **others: Any) -> keras.Model:
    make = getattr(keras.applications, application.name)
    size = application.smallest
    fixed: dict[str, Any] = {"include_top": False, "input_shape": (size, size, 3), "weights": None}
    return make(**{**fixed, **others}, **application.arguments)


def _loaded(application: Application, path: Path) -> keras.Model:
    model = _made(application)
    model.load_weights(path)
    return model


def _variables(model: keras.Model) -> list[Any]:
    return [weight for layer in model.layers for weight in layer.weights]


def _values(model: keras.Model) -> Weights:
    """Return the weights of a pretrained network for one that Keras builds without any.

    EfficientNets B0 to B7 divide by the root of ImageNet's deviations once more if Keras fetches
    their weights, in a layer that a network without weights lacks, also one that loads them from a
    file. Here its normalization does it.
    """
    for layer in model.layers:
        if isinstance(layer, layers.Normalization) and layer.weights:
            mean, variance = (keras.ops.convert_to_numpy(each) for each in layer.weights[:2])
            if np.allclose(mean, MEAN) and np.allclose(variance, np.square(DEVIATION)):
                layer.weights[1].assign(variance * DEVIATION)
    return [keras.ops.convert_to_numpy(each) for each in _variables(model)]


def _got(make: Callable[[], keras.Model], source: str) -> Weights:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the size that the weights were trained for
            return _values(make())
    except Exception as error:  # h5py, Keras and urllib raise anything
        said = " ".join(str(error).split())[:200]
        raise WeightsError(f'"{source}" ({said})') from error


def read(
    application: Application, values: Values, tensor: Tensor, pretrained: Weights | None
) -> Tensor:
    """Add the backbone and its head.

    Args:
        application: the backbone.
        values: the hyperparameters of the family.
        tensor: (N, height, width, 1 or 3) pictures, 0 to 1.
        pretrained: weights of the backbone; None to draw them at random.

    Returns:
        (N, features) of each picture.

    Raises:
        ArchitectureError: the samples are no such pictures, or too small.
    """
    tensor = prepared(application, _sized(application, values, tensor))
    make = getattr(keras.applications, application.name)
    fixed: dict[str, Any] = {"include_top": False, "weights": None, "input_tensor": tensor}
    model = make(**fixed, **application.arguments)
    if pretrained is not None:
        _take(model, pretrained)
    frozen = values.get("frozen", 0.0 if pretrained is None else 1.0)
    _freeze(model, float(frozen), batch_norm=pretrained is not None)  # type: ignore[arg-type]
    return _head(values, model.output)


def fine_tuning(
    optimizer: keras.optimizers.Optimizer,
    model: keras.Model,
    values: Values,
    pretrained: Weights | None,
) -> keras.optimizers.Optimizer:
    """Return the optimizer with `fine_tuning_rate` for what is trained of the backbone.

    Args:
        optimizer: as `optimization.optimizer` returns it.
        model: as `architecture.build` returns it.
        values: the hyperparameters of the trial.
        pretrained: weights of the backbone; None if they are drawn at random.
    """
    share = float(values.get("fine_tuning_rate", 1.0 if pretrained is None else FINE_TUNING_RATE))  # type: ignore[arg-type]
    own = [layer for layer in model.layers if layer.name in HEAD]
    head = {id(weight) for layer in own for weight in layer.weights}
    slow = [each.path for each in model.trainable_variables if id(each) not in head]
    if share == 1 or not slow:
        return optimizer
    return slowed(optimizer, slow, share)


def _sized(application: Application, values: Values, tensor: Tensor) -> Tensor:
    """Resize pictures if a trial says so, and refuse those that the application can't take."""
    shape, name = tensor.shape[1:], f"keras:{application.name}"
    if len(shape) != 3 or shape[2] not in (1, 3):
        raise ArchitectureError(
            f'family = "{name}" needs pictures (height, width, 1 or 3), received samples of shape '
            f"{shape}"
        )
    if (side := integer(values.get("resolution", 0))) > 0:
        tensor = keras.ops.image.resize(tensor, (side, side))
    height, width = tensor.shape[1:3]
    if min(height, width) < application.smallest:
        least = application.smallest
        raise ArchitectureError(
            f"pictures of {height}×{width}: {name} takes {least}×{least} and more; "
            f"resolution = {least} enlarges them"
        )
    return tensor


def prepared(application: Application, tensor: Tensor) -> Tensor:
    """Return pictures as the application's own `preprocess_input` makes them of 0 to 255.

    Args:
        application: the network.
        tensor: (N, height, width, 1 or 3) pictures, 0 to 1.
    """
    if tensor.shape[-1] == 1:
        tensor = layers.Concatenate(name="colours")([tensor, tensor, tensor])
    matrix, offset = _preprocessing(application)
    if not np.allclose(matrix, np.diag(np.diag(matrix))):  # blue, green, red
        tensor, matrix = keras.ops.flip(tensor, axis=-1), matrix[::-1]
    scale = (np.diag(matrix) * WHITE).tolist()
    return layers.Rescaling(scale, offset.tolist(), name="pixels")(tensor)


def _preprocessing(application: Application) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return what `preprocess_input` does, as a matrix of the channels and an offset."""
    module = inspect.getmodule(getattr(keras.applications, application.name))
    named = getattr(keras.applications, str(module.__name__).rpartition(".")[2])  # type: ignore[union-attr]
    probe = np.concatenate([np.zeros((1, 3)), np.eye(3) * WHITE])[:, np.newaxis, np.newaxis]
    found = named.preprocess_input(probe.astype(np.float64)).reshape(4, 3)
    return (found[1:] - found[0]) / WHITE, found[0]


def _take(model: keras.Model, pretrained: Weights) -> None:
    for variable, value in zip(_variables(model), pretrained, strict=True):
        variable.assign(value)
    for layer in model.layers:
        if isinstance(layer, layers.Normalization):  # it computes with tensors derived from them
            layer.finalize_state()


def _freeze(model: keras.Model, share: float, *, batch_norm: bool) -> None:
    """Freeze layers from the input on.

    Args:
        model: the backbone.
        share: of its layers with weights.
        batch_norm: freeze the batch normalization of all others, too, as the guide advises.
    """
    weighted = [place for place, layer in enumerate(model.layers) if layer.weights]
    count = round(share * len(weighted))
    last = weighted[count] if count < len(weighted) else len(model.layers)
    for place, layer in enumerate(model.layers):
        if place < last:
            _still(layer)
        elif batch_norm and isinstance(layer, layers.BatchNormalization):
            layer.trainable = False


def _still(layer: keras.Layer) -> None:
    """Let a layer be in training what it is in prediction."""
    layer.trainable = False
    for rate in ("rate", "drop_path_rate"):  # of Dropout, of StochasticDepth
        if isinstance(getattr(layer, rate, None), float):
            setattr(layer, rate, 0.0)


def _head(values: Values, tensor: Tensor) -> Tensor:
    """Add what is learned anew: the mean over the picture, and a hidden layer if wanted."""
    found = layers.GlobalAveragePooling2D(name="head_mean")(tensor)
    if width := values["head_width"]:
        found = hidden({**values, "batch_norm": False}, found, layers.Dense, width, 1, "head")
    return dropped(found, of_layer(values, "dropout", 1), "head")
