"""The built-in family ``text``: the mean of word embeddings, or a transformer over them.

Its samples are word numbers (N, length): 0 after a text's last word, 1 for words that are not among
the most frequent. Sources: the Keras examples "Text classification from scratch" and "Text
classification with Transformer".
"""

from __future__ import annotations

import keras
from keras import layers

from studyhall.spaces.hidden_layers import Tensor, Values, dropped, hidden, integer, of_layer
from studyhall.spaces.regularization import regularizer

RESERVED = 2  # numbers that are no words: what follows the last word, and unknown words


def inputs(values: Values) -> Tensor:
    """Return the input of a text: (N, length) word numbers."""
    return layers.Input((integer(values["length"]),), dtype="int32", name="input")


def read(values: Values, tensor: Tensor) -> Tensor:
    """Add embeddings and hidden layers; what follows a text's last word has no effect.

    Args:
        values: the hyperparameters of the family ``text``.
        tensor: (N, length) word numbers; each text has at least one word.

    Returns:
        (N, width) features of the whole text; (N, embedding) of a transformer.
    """
    embedding, known = integer(values["embedding"]), integer(values["vocabulary"]) + RESERVED
    found = layers.Embedding(known, embedding, mask_zero=True, name="embedding")(tensor)
    if values["encoder"] == "transformer":
        return _transformed(values, tensor, found)
    mean = layers.GlobalAveragePooling1D(name="mean")(found)
    for layer in range(1, integer(values["depth"]) + 1):
        width = of_layer(values, "width", layer)
        mean = hidden(values, mean, layers.Dense, width, layer, f"{layer}")
        mean = dropped(mean, of_layer(values, "dropout", layer), f"{layer}")
    return mean


def _transformed(values: Values, numbers: Tensor, found: Tensor) -> Tensor:
    """Add the places of words and blocks of attention; return the mean over the words."""
    found = layers.Add(name="placed")([found, _places(numbers, found.shape[2])])
    for block in range(1, integer(values["depth"]) + 1):
        found = _block(values, found, block)
    return layers.GlobalAveragePooling1D(name="mean")(found)


def _places(numbers: Tensor, embedding: int) -> Tensor:
    """Return a learned embedding of each word's place, counted from 1."""
    word = keras.ops.minimum(numbers, 1)
    places = keras.ops.cumsum(word, axis=1) * word
    # Masked too: a sum of a masked and an unmasked tensor would not be.
    return layers.Embedding(numbers.shape[1] + 1, embedding, mask_zero=True, name="places")(places)


def _block(values: Values, tensor: Tensor, block: int) -> Tensor:
    """Add a transformer block: attention, then a hidden layer, each added to what it reads."""
    embedding, heads = tensor.shape[2], integer(values["heads"])
    attend = layers.MultiHeadAttention(
        heads,
        -(-embedding // heads),
        kernel_regularizer=regularizer(values),
        name=f"attention_{block}",
    )
    attended = dropped(attend(tensor, tensor), of_layer(values, "dropout", block), f"{block}_1")
    tensor = _normalized([tensor, attended], f"{block}_1")
    width = of_layer(values, "width", block)
    found = hidden(
        {**values, "batch_norm": False}, tensor, layers.Dense, width, block, f"{block}_1"
    )
    back = layers.Dense(embedding, kernel_regularizer=regularizer(values), name=f"dense_{block}_2")
    found = dropped(back(found), of_layer(values, "dropout", block), f"{block}_2")
    return _normalized([tensor, found], f"{block}_2")


def _normalized(tensors: list[Tensor], place: str) -> Tensor:
    added = layers.Add(name=f"add_{place}")(tensors)
    return layers.LayerNormalization(epsilon=1e-6, name=f"layer_norm_{place}")(added)
