"""The family text: what it is built of, and what of a text counts."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studyhall.spaces import architecture, hyperparameters

SMALL: dict[str, Any] = {"vocabulary": 9, "length": 6, "embedding": 4}
ENCODERS = hyperparameters.find("encoder").words


def build(**values: Any) -> keras.Model:
    return architecture.build("text", {**SMALL, **values}, (), 3, "multiclass")


def names(model: keras.Model) -> list[str]:
    return [layer.name for layer in model.layers]


def test_the_textbook_network_is_the_mean_of_embeddings_and_a_hidden_layer() -> None:
    model = build()
    assert names(model) == [
        "input", "embedding", "mean", "dense_1", "relu_1", "dropout_1", "output",
    ]  # fmt: skip
    assert model.get_layer("embedding").input_dim == SMALL["vocabulary"] + 2
    assert model.input_shape == (None, 6) and model.output_shape == (None, 3)


def test_a_block_of_a_transformer() -> None:
    model = build(encoder="transformer", heads=2, width=7, depth=2)
    attention = model.get_layer("attention_2")
    assert (attention.num_heads, attention.key_dim) == (2, 2)
    assert model.get_layer("dense_2_1").units == 7 and model.get_layer("dense_2_2").units == 4
    assert model.get_layer("places").input_dim == SMALL["length"] + 1


def test_heads_need_not_divide_the_embedding() -> None:
    assert build(encoder="transformer", heads=3).get_layer("attention_1").key_dim == 2


@pytest.mark.parametrize("encoder", ENCODERS)
def test_the_penalty_is_on_the_kernels_of_hidden_layers_alone(encoder: str) -> None:
    model = build(encoder=encoder, l2=0.1)
    penalised = [each for each in model.variables if each.regularizer is not None]
    assert len(penalised) == {"mean": 1, "transformer": 6}[encoder]
    assert not any(each.path.startswith(("embedding", "places", "output")) for each in penalised)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_what_follows_the_last_word_has_no_effect(encoder: str) -> None:
    short = build(encoder=encoder)
    keras.utils.set_random_seed(1)
    long = build(encoder=encoder, length=11)
    for mine, theirs in zip(long.variables, short.variables, strict=True):
        value = keras.ops.convert_to_numpy(theirs)
        mine.assign(np.resize(value, mine.shape))  # places beyond the short one's repeat them
    numbers = np.array([[2, 5, 3, 0, 0, 0], [1, 0, 0, 0, 0, 0], [4, 4, 4, 4, 4, 4]], np.int32)
    padded = np.pad(numbers, ((0, 0), (0, 5)))
    np.testing.assert_allclose(short(numbers), long(padded), atol=1e-6)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_only_a_transformer_minds_the_order_of_words(encoder: str) -> None:
    model = build(encoder=encoder)
    one, other = (np.array([row], np.int32) for row in ([2, 3, 4, 0, 0, 0], [4, 3, 2, 0, 0, 0]))
    assert np.allclose(model(one), model(other), atol=1e-6) == (encoder == "mean")


@settings(max_examples=15, deadline=None)
@given(
    encoder=st.sampled_from(ENCODERS),
    activation=st.sampled_from(hyperparameters.find("activation").words),
    batch_norm=st.booleans(),
    widths=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    heads=st.integers(1, 3),
    embedding=st.integers(1, 4),
    length=st.integers(1, 5),
    vocabulary=st.integers(1, 5),
)
def test_whatever_the_table_allows_is_built_of_kerass_own_layers(
    widths: list[int], length: int, **values: Any
) -> None:
    model = build(width=widths, depth=len(widths), length=length, **values)
    assert np.isfinite(model(np.ones((2, length), np.int32))).all()
    assert all(type(layer).__module__.startswith("keras.") for layer in model.layers)
