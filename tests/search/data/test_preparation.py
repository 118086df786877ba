import json

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

from studyhall.search.data.errors import DataError
from studyhall.search.data.preparation import Preparation, fit
from studyhall.search.trial import exporting

RNG = np.random.default_rng(0)
TABLE = np.column_stack(
    [RNG.normal(1e5, 300, 500), RNG.random(500), np.full(500, 0.1), RNG.integers(0, 2, 500)]
).astype(np.float32)
PICTURES = RNG.integers(0, 256, (40, 6, 5, 3), np.uint8)
DIGITS = RNG.integers(0, 17, (40, 8, 8, 1)).astype(np.float32)
SEQUENCES = RNG.normal(3, 2, (40, 12, 4))
WORDS = sparse.random(30, 50, 0.1, "csr", np.float32, random_state=0)


KINDS = ("standard", "scale")


def exported(preparation, shape):
    """A model of nothing but the preparation."""
    inputs = keras.Input(shape, dtype=preparation.dtype)
    return keras.Sequential([inputs, *preparation.layers(), keras.layers.Flatten()])


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


@pytest.mark.parametrize("normalize", ["none", "standard", "scale"])
def test_windows_with_gaps_are_filled_alike_in_the_exported_model(normalize, tmp_path):
    gappy = np.where(RNG.random(SEQUENCES.shape) < 0.1, np.nan, SEQUENCES)
    preparation = fit(gappy[:20], normalize, gaps=True)
    flat = keras.Sequential([keras.Input(gappy.shape[1:]), keras.layers.Flatten()])
    exporting.save(
        exporting.with_preparation(flat, preparation, gappy.shape[1:]), tmp_path / "model.keras"
    )
    model = keras.models.load_model(tmp_path / "model.keras")
    expected = preparation.apply(gappy[20:])
    found = model.predict(gappy[20:], verbose=0).reshape(expected.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    means = Preparation(preparation.kind, preparation.subtract, preparation.divide).apply(
        np.nanmean(gappy[:20], axis=(0, 1))[np.newaxis]
    )
    gaps = np.nonzero(np.isnan(gappy[20:]))
    np.testing.assert_allclose(expected[gaps], means[0][gaps[-1]], rtol=1e-5, atol=1e-6)


def test_each_feature_of_a_sequence_is_normalised_for_itself():
    prepared = fit(SEQUENCES * [1, 10, 100, 1000]).apply(SEQUENCES * [1, 10, 100, 1000])
    np.testing.assert_allclose(prepared.mean(axis=(0, 1)), 0, atol=1e-5)
    np.testing.assert_allclose(prepared.std(axis=(0, 1)), 1, atol=1e-5)


def test_standard_is_of_the_training_part():
    prepared = fit(TABLE[:300], "standard").apply(TABLE[:300])
    assert np.allclose(prepared.mean(axis=0), 0, atol=1e-6)
    assert np.allclose(prepared.std(axis=0), [1, 1, 0, 1], atol=1e-6)


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


columns = st.tuples(
    st.integers(-12, 30),  # power of ten of the deviation
    st.one_of(st.just(0.0), st.floats(-1e13, 1e13)),  # the mean, in deviations
    st.sampled_from(["normal", "flag", "constant"]),
)


def drawn(scale, offset, kind):
    """A column in some unit."""
    random = np.random.default_rng(len(kind))
    made = {"normal": random.normal(size=80), "flag": np.arange(80) % 2, "constant": np.ones(80)}
    return 10.0**scale * (offset + made[kind])


def again(preparation, shape, folder):
    """The front of an exported model, saved and loaded."""
    inputs = keras.Input(shape, name="raw", dtype=preparation.dtype)
    prepared = inputs
    for layer in preparation.layers():
        prepared = layer(prepared)
    keras.Model(inputs, prepared).save(folder / "front.keras")
    return keras.models.load_model(folder / "front.keras")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(chosen=st.lists(columns, min_size=1, max_size=6), normalize=st.sampled_from(KINDS))
def test_the_same_numbers_in_any_unit(tmp_path_factory, chosen, normalize):
    x = np.column_stack([drawn(*each) for each in chosen])
    preparation = fit(x[:60], normalize)
    prepared = preparation.apply(x)
    front = again(preparation, x.shape[1:], tmp_path_factory.mktemp("front"))
    for found in (front(x).numpy(), front.predict_on_batch(x)):
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, prepared)
    for column, (_, offset, kind) in zip(prepared[:60].T, chosen, strict=True):
        if kind != "constant" and normalize == "standard":
            exact = 1e-6 + 1e-14 * abs(offset)  # what float64 itself leaves of such numbers
            assert abs(column.std() - 1) < exact and abs(column.mean()) < exact


@pytest.mark.parametrize("dtype", [np.int64, np.uint64, np.float64])
def test_whole_numbers_of_any_width(tmp_path, dtype):
    """Times in milliseconds, codes of 12 digits and 0 and 1 in one table."""
    rows = np.arange(60)
    x = np.column_stack([1_700_000_000_000 + 137 * rows, 900_000_000_000 + rows % 2, rows % 2])
    x = x.astype(dtype)
    preparation = fit(x, "standard")
    prepared = preparation.apply(x)
    assert prepared.std(axis=0) == pytest.approx(np.ones(3), rel=1e-6)
    assert len({*prepared[:, 1]}) == 2 and len({*prepared[:, 0]}) == 60
    front = again(preparation, (3,), tmp_path)
    np.testing.assert_array_equal(front.predict_on_batch(x), prepared)
    if dtype == np.int64:  # Keras' own way to predict rounds floats alone
        np.testing.assert_array_equal(front.predict(x, verbose=0), prepared)


def test_pictures_of_8_bits_stay_light():
    preparation = fit(PICTURES)
    assert preparation.light and preparation.dtype == "float32"
    assert all(layer.compute_dtype == "float32" for layer in preparation.layers())


def test_a_column_of_nothing_but_rounding_is_constant():
    sums = np.where(np.arange(40) % 2, 0.1 + 0.2, 0.3)[:, np.newaxis]
    assert fit(sums, "standard").divide == 1


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
    by_hand = (TABLE.astype(stored["dtype"]) - stored["subtract"]) / stored["divide"]
    assert by_hand == pytest.approx(fit(TABLE, "standard").apply(TABLE), rel=1e-7)
    assert Preparation().to_dict() == {"kind": "none"}


def test_mixed_precision_leaves_the_inputs_alone():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = exported(fit(TABLE, "standard"), (4,))
        assert model.layers[0].compute_dtype == "float64"
        assert model.layers[-2].compute_dtype == "float32"
    finally:
        keras.config.set_dtype_policy("float32")
