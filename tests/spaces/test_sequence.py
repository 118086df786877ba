"""The family sequence: what it is built of, and what can't be built."""

from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studyhall.spaces import architecture, hyperparameters
from studyhall.spaces.failures import ArchitectureError


def build(input_shape: tuple[int, ...] = (6, 3), **values: Any) -> keras.Model:
    return architecture.build("sequence", values, input_shape, 2, "regression")


def names(model: keras.Model) -> list[str]:
    return [layer.name for layer in model.layers]


def test_the_textbook_network_is_two_layers_of_gru_units() -> None:
    model = build()
    assert names(model) == ["input", "gru_1", "dropout_1", "gru_2", "dropout_2", "output"]
    assert [model.get_layer(f"gru_{n}").units for n in (1, 2)] == [32, 32]
    assert model.get_layer("gru_1").return_sequences
    assert model.output_shape == (None, 2)


def test_units_that_read_in_both_directions() -> None:
    layer = build(cell="lstm", bidirectional=True, depth=1, width=5).get_layer("both_ways_1")
    assert isinstance(layer.forward_layer, keras.layers.LSTM)
    assert layer.output.shape == (None, 10)


def test_the_penalty_is_on_all_kernels_of_hidden_layers() -> None:
    for cell, kernels in (("gru", 4), ("conv", 5)):  # convolutions, and one shortcut
        model = build(cell=cell, depth=2, l2=0.1)
        penalised = [each for each in model.variables if each.regularizer is not None]
        assert len(penalised) == kernels
        assert all("output" not in each.path for each in penalised)


@pytest.mark.parametrize("cell", hyperparameters.find("cell").words)
def test_every_step_counts(cell: str) -> None:
    keras.utils.set_random_seed(0)
    model = build((20, 3), cell=cell, depth=1)
    x = np.random.default_rng(0).normal(size=(1, 20, 3)).astype(np.float32)
    for step in (0, 10, 19):
        other = x.copy()
        other[0, step] += 1
        assert not np.allclose(model(x), model(other), atol=1e-7), step


def test_convolutions_are_causal() -> None:
    model = build((9, 2), cell="conv", depth=3, kernel_size=2)
    steps = keras.Model(model.input, model.get_layer("add_3").output)
    x = np.random.default_rng(0).normal(size=(1, 9, 2)).astype(np.float32)
    later = x.copy()
    later[0, 5:] += 1
    np.testing.assert_allclose(steps(x)[0, :5], steps(later)[0, :5], atol=1e-6)
    assert not np.allclose(steps(x)[0, 5:], steps(later)[0, 5:])


def test_their_distance_doubles_and_stays_within_the_sequence() -> None:
    model = build((9, 2), cell="conv", depth=5)
    distances = [model.get_layer(f"conv_{n}_1").dilation_rate[0] for n in range(1, 6)]
    assert distances == [1, 2, 4, 1, 2]


@settings(max_examples=15, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 9), st.integers(1, 3)),
    cell=st.sampled_from(hyperparameters.find("cell").words),
    activation=st.sampled_from(hyperparameters.find("activation").words),
    bidirectional=st.booleans(),
    batch_norm=st.booleans(),
    widths=st.lists(st.integers(1, 4), min_size=1, max_size=3),
)
def test_whatever_the_table_allows_is_built_of_kerass_own_layers(
    shape: tuple[int, int], widths: list[int], **values: Any
) -> None:
    model = build(shape, width=widths, depth=len(widths), kernel_size=1, **values)
    assert model(np.ones((3, *shape), np.float32)).shape == (3, 2)
    assert all(type(layer).__module__.startswith("keras.") for layer in model.layers)


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((4,), r'samples of shape \(4,\); family = "mlp" takes these; \[data\] windows'),
        ((8, 8, 3), r'samples of shape \(8, 8, 3\); family = "cnn" takes these; 8-bit'),
        ((2, 2, 2, 2), r'shape \(2, 2, 2, 2\); family = "mlp" takes these$'),
    ],
)
def test_other_samples_are_refused_with_the_family_that_takes_them(
    shape: tuple[int, ...], said: str
) -> None:
    with pytest.raises(ArchitectureError, match=said):
        build(shape)


def test_a_kernel_longer_than_the_sequence_is_refused() -> None:
    with pytest.raises(ArchitectureError, match="kernel_size = 7: the sequences have 6 steps"):
        build(cell="conv", kernel_size=7)
    build(cell="gru", kernel_size=7)
