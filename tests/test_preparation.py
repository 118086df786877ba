import json

import keras
import numpy as np
import pytest
from scipy import sparse

from search.data.data_error import DataError
from search.data.preparation import Preparation, fit

RNG = np.random.default_rng(0)
TABLE = np.column_stack(
    [RNG.normal(1e5, 300, 500), RNG.random(500), np.full(500, 0.1), RNG.integers(0, 2, 500)]
).astype(np.float32)
PICTURES = RNG.integers(0, 256, (40, 6, 5, 3), np.uint8)
DIGITS = RNG.integers(0, 17, (40, 8, 8, 1)).astype(np.float32)
SEQUENCES = RNG.normal(3, 2, (40, 12, 4))
WORDS = sparse.random(30, 50, 0.1, "csr", np.float32, random_state=0)


def exported(preparation, shape):
    """A model of nothing but the preparation."""
    return keras.Sequential([keras.Input(shape), *preparation.layers(), keras.layers.Flatten()])


@pytest.mark.parametrize("normalize", ["auto", "none", "standard", "scale"])
@pytest.mark.parametrize(
    "x", [TABLE, PICTURES, DIGITS, SEQUENCES], ids=["table", "pictures", "digits", "sequences"]
)
def test_exported_layers_give_the_same_numbers(x, normalize, tmp_path):
    train, other = x[: len(x) // 2], x[len(x) // 2 :]
    preparation = fit(train, normalize)
    exported(preparation, x.shape[1:]).save(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras")
    expected = preparation.apply(other)
    assert expected.dtype == np.float32 and expected.shape == other.shape
    found = model.predict(other, verbose=0).reshape(expected.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_standard_is_of_the_training_part():
    prepared = fit(TABLE[:300], "standard").apply(TABLE[:300])
    assert np.allclose(prepared.mean(axis=0), 0, atol=1e-2)  # 1e5 ± 300 in float32
    assert np.allclose(prepared.std(axis=0), [1, 1, 0, 1], atol=1e-3)


def test_pictures_are_standardised_by_channel():
    preparation = fit(PICTURES, "standard")
    assert preparation.subtract.shape == (3,)
    assert np.allclose(preparation.apply(PICTURES).mean(axis=(0, 1, 2)), 0, atol=1e-6)


def test_8_bits_become_0_to_1():
    preparation = fit(np.minimum(PICTURES, 200))
    assert preparation.kind == "scale" and preparation.divide == 255
    np.testing.assert_allclose(preparation.apply(PICTURES), PICTURES / 255, rtol=1e-6)


def test_floats_are_scaled_by_the_training_maximum():
    assert fit(DIGITS).divide == 16


def test_pictures_from_0_to_1_stay():
    assert fit(DIGITS / 16).kind == "none"


def test_pictures_with_negative_values_are_standardised():
    assert fit(DIGITS - 8).kind == "standard"


def test_columns_scale_to_0_to_1():
    prepared = fit(TABLE, "scale").apply(TABLE)
    assert prepared.min() == 0 and abs(prepared.max() - 1) < 1e-3


def test_categories_stay_0_and_1():
    for normalize in ("standard", "scale"):
        prepared = fit(TABLE, normalize, (False, False, False, True)).apply(TABLE)
        assert np.array_equal(prepared[:, 3], TABLE[:, 3])


def test_a_constant_column_does_not_explode():
    preparation = fit(TABLE, "standard")
    assert np.abs(preparation.apply(TABLE + np.float32(0.5))[:, 2] - 0.5).max() < 1e-6


def test_multi_hot_rows_stay_sparse():
    preparation = fit(WORDS)
    prepared = preparation.apply(WORDS)
    assert preparation.kind == "none" and preparation.layers() == []
    assert sparse.issparse(prepared) and (prepared != WORDS).nnz == 0


def test_multi_hot_rows_cannot_be_standardised():
    with pytest.raises(DataError) as caught:
        fit(WORDS, "standard")
    assert caught.value.problems == [
        '[data] normalize: received "standard", expected "none" for multi-hot rows'
    ]


def test_samples_given_are_not_changed():
    before = TABLE.copy()
    fit(TABLE, "standard").apply(TABLE)
    assert np.array_equal(before, TABLE)


def test_to_dict_is_enough_to_prepare_by_hand():
    stored = json.loads(json.dumps(fit(TABLE, "standard").to_dict()))
    by_hand = (TABLE - np.float32(stored["subtract"])) / np.float32(stored["divide"])
    assert np.array_equal(by_hand, fit(TABLE, "standard").apply(TABLE))
    assert Preparation().to_dict() == {"kind": "none"}


def test_mixed_precision_leaves_the_inputs_alone():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = exported(fit(TABLE, "standard"), (4,))
        assert model.layers[0].compute_dtype == "float32"
    finally:
        keras.config.set_dtype_policy("float32")
