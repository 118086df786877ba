"""The family ``sequence``: layers that read samples (steps, features) step by step."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import keras
from keras import layers

from studyhall.spaces.failures import ArchitectureError
from studyhall.spaces.hidden_layers import Tensor, Values, dropped, hidden, integer, of_layer
from studyhall.spaces.regularization import regularizer


def read(values: Values, tensor: Tensor) -> Tensor:
    """Add the hidden layers of a sequence.

    Args:
        values: the hyperparameters of the family ``sequence``.
        tensor: (N, steps, features) samples.

    Returns:
        (N, width) features of the whole sequence; (N, 2 · width) of temporal convolutions, and of
        units that read in both directions.

    Raises:
        ArchitectureError: the samples are no sequences, or shorter than a convolution.
    """
    _check_shape(tensor.shape[1:])
    add = _convolved if values["cell"] == "conv" else _recurrent
    return add(values, tensor)


def _check_shape(shape: tuple[int, ...]) -> None:
    if len(shape) == 2:
        return
    fits = _FITS.get(len(shape), 'family = "mlp" takes these')
    raise ArchitectureError(
        'family = "sequence" needs sequences (steps, features), received samples of shape '
        f"{shape}; {fits}"
    )


_FITS = {
    1: 'family = "mlp" takes these; [data] windows makes sequences of the rows of a table',
    3: 'family = "cnn" takes these; 8-bit arrays (N, steps, features) are taken for pictures, too',
}


# Recurrent layers. Source: F. Chollet, "Deep Learning with Python", chapter on timeseries.


def _recurrent(values: Values, tensor: Tensor) -> Tensor:
    """Add layers of gru or lstm units, each followed by dropout; the last gives its last state."""
    depth = integer(values["depth"])
    for layer in range(1, depth + 1):
        tensor = _units(values, layer, whole=layer < depth)(tensor)
        tensor = dropped(tensor, of_layer(values, "dropout", layer), f"{layer}")
    return tensor


def _units(values: Values, layer: int, *, whole: bool) -> keras.Layer:
    """Return a recurrent layer, which gives its state after each step, or after the last one."""
    cell = str(values["cell"])
    kind: Any = {"gru": layers.GRU, "lstm": layers.LSTM}[cell]
    # The activations stay those of Keras: with these a GPU computes all steps at once.
    made = kind(
        of_layer(values, "width", layer),
        name=f"{cell}_{layer}",
        return_sequences=whole,
        kernel_regularizer=regularizer(values),
        recurrent_regularizer=regularizer(values),
    )
    if values["bidirectional"]:
        return layers.Bidirectional(made, name=f"both_ways_{layer}")
    return made


# Temporal convolutions. Source: Bai, Kolter and Koltun 2018, "An empirical evaluation of generic
# convolutional and recurrent networks for sequence modeling".


def _convolved(values: Values, tensor: Tensor) -> Tensor:
    """Add residual blocks of causal convolutions; return the mean of their steps and the last."""
    steps, kernel = tensor.shape[1], integer(values["kernel_size"])
    if kernel > steps:
        raise ArchitectureError(f"kernel_size = {kernel}: the sequences have {steps} steps")
    for block in range(1, integer(values["depth"]) + 1):
        tensor = _block(values, tensor, block)
    # Few blocks do not see the first steps from the last one: the mean does.
    mean = layers.GlobalAveragePooling1D(name="mean")(tensor)
    last = layers.Flatten(name="last")(layers.Cropping1D((steps - 1, 0), name="crop")(tensor))
    return layers.Concatenate(name="mean_and_last")([mean, last])


def _block(values: Values, tensor: Tensor, block: int) -> Tensor:
    width, found = of_layer(values, "width", block), tensor
    convolution = partial(
        layers.Conv1D,
        kernel_size=integer(values["kernel_size"]),
        padding="causal",
        dilation_rate=_distance(block, tensor.shape[1]),
    )
    for each in (1, 2):
        found = hidden(values, found, convolution, width, block, f"{block}_{each}")
    found = dropped(found, of_layer(values, "dropout", block), f"{block}")
    if tensor.shape[2] != width:
        tensor = _shortcut(values, width, f"shortcut_{block}")(tensor)
    return layers.Add(name=f"add_{block}")([tensor, found])


def _shortcut(values: Values, width: Any, name: str) -> keras.Layer:
    return layers.Conv1D(width, 1, kernel_regularizer=regularizer(values), name=name)


def _distance(block: int, steps: int) -> int:
    """Return the steps between the inputs of a block's convolutions: 1, 2, 4 …, and 1 again.

    It begins anew before it reaches the length of the sequence, as in WaveNet.
    """
    return int(2 ** ((block - 1) % max(1, int(math.log2(steps)))))
