import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn import metrics
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from studyhall.search.data import loading
from studyhall.search.evaluation import baseline_models
from studyhall.search.evaluation.baseline_models import GUESS, LINEAR, TREES, Setting
from studyhall.search.study_file.input_sections import DataSection

RNG = np.random.default_rng(0)
EACH = (GUESS, LINEAR, TREES)


@pytest.fixture(autouse=True)
def alone():
    """The same numbers for each test, and one thread for scikit-learn's own models, too."""
    RNG.bit_generator.state = np.random.default_rng(0).bit_generator.state
    with threadpool_limits(1):
        yield


def data(folder, x, y, **keys):
    np.savez(folder / "data.npz", x=x, y=y)
    return loading.load(DataSection(source="data.npz", **keys), seed=0, folder=folder)


def outputs(name, loaded, setting=Setting(), part=None):  # noqa: B008
    fitted = baseline_models.fitted(name, loaded, loaded.split, setting)
    return fitted((part or loaded.validation).x)


def noisy(rows=300, features=4):
    x = RNG.normal(size=(rows, features)) * 10.0 ** np.arange(features)
    return x, x[:, 0] + RNG.normal(size=rows) * 0.3


@pytest.mark.parametrize("classes", [2, 3])
def test_classes_are_those_of_scikit_learn(tmp_path, classes):
    x, score = noisy()
    y = np.digitize(score, np.quantile(score, np.arange(1, classes) / classes))
    loaded = data(tmp_path, x, y)
    prepared = {part: loaded.preparation.apply(getattr(loaded, part).x)
                for part in ("train", "validation")}  # fmt: skip
    for name, model in (
        (TREES, HistGradientBoostingClassifier(random_state=0)),
        (LINEAR, LogisticRegression(max_iter=500)),
    ):
        wanted = model.fit(prepared["train"], loaded.train.y).predict_proba(prepared["validation"])
        found = outputs(name, loaded)
        assert found == pytest.approx(wanted[:, 1:] if classes == 2 else wanted, abs=1e-6)


def test_guessing_gives_the_shares_of_the_training_part(tmp_path):
    loaded = data(tmp_path, *[np.arange(90.0)[:, None], np.repeat([0, 1, 2], [60, 20, 10])])
    shares = np.bincount(loaded.train.y) / len(loaded.train)
    assert outputs(GUESS, loaded) == pytest.approx(np.tile(shares, (len(loaded.validation), 1)))


@settings(max_examples=4)
@given(exponent=st.integers(-9, 9), shift=st.floats(-100, 100))
def test_numbers_are_predicted_alike_in_any_unit(tmp_path_factory, exponent, shift):
    x = np.random.default_rng(1).normal(size=(200, 3))
    y = x[:, 0] - 2 * x[:, 1] + np.random.default_rng(2).normal(size=200) * 0.1
    folder, unit = tmp_path_factory.mktemp("data"), 10.0**exponent
    plain, scaled = data(folder, x, y), data(folder, x, (y + shift) * unit)
    for name in EACH:
        expected = (outputs(name, plain) + shift) * unit
        # float32 targets may fall on the other side of a split
        off = np.abs(outputs(name, scaled) - expected) / unit
        assert np.quantile(off, 0.9) < 0.02 and off.shape == (40, 1)


def test_the_absolute_error_is_learned_where_it_is_the_loss(tmp_path):
    x = RNG.normal(size=(300, 2))
    y = np.where(np.arange(300) % 5 == 0, 100.0, x[:, 0])  # many outliers
    loaded = data(tmp_path, x, y)
    setting = Setting(absolute=True)
    for name in (GUESS, TREES):
        errors = [
            metrics.mean_absolute_error(loaded.validation.y, outputs(name, loaded, each))
            for each in (setting, Setting())
        ]
        assert errors[0] < errors[1]
    model = HistGradientBoostingRegressor(loss="absolute_error", random_state=0)
    prepared = loaded.preparation.apply(loaded.train.x)
    model.fit(prepared, loaded.train.y)
    wanted = model.predict(loaded.preparation.apply(loaded.validation.x))
    found = outputs(TREES, loaded, setting)[:, 0]
    assert metrics.mean_absolute_error(wanted, found) < 0.2


@pytest.mark.parametrize("name", [LINEAR, TREES])
def test_balanced_classes_find_more_of_the_rare_one(tmp_path, name):
    x = RNG.normal(size=(600, 2))
    y = (x[:, 0] + RNG.normal(size=600) > 2).astype(int)
    loaded = data(tmp_path, x, y)
    found = {on: (outputs(name, loaded, Setting(balanced=on)) > 0.5).sum() for on in (True, False)}
    assert found[True] > found[False]


def test_several_labels_and_numbers_have_a_column_each(tmp_path):
    x = RNG.normal(size=(200, 3))
    labels = (x + RNG.normal(size=x.shape) * 0.1 > 0).astype(int)
    labels[:, 2] = 1  # a label that every sample has
    numbers = np.stack([x[:, 0] * 1e6, x[:, 1] * 1e-6], axis=1)
    for y, task in ((labels, "multilabel"), (numbers, "regression")):
        loaded = data(tmp_path, x, y)
        assert loaded.task == task
        for name in EACH:
            found = outputs(name, loaded)
            assert found.shape == loaded.validation.y.shape
            if name == TREES and task == "multilabel":
                assert ((found > 0.5) == loaded.validation.y).mean() > 0.9
            if name == LINEAR and task == "regression":
                assert metrics.r2_score(loaded.validation.y, found) > 0.99


def test_windows_are_read_in_one_row_and_gaps_are_filled(tmp_path):
    rows = RNG.normal(size=(200, 2)).cumsum(axis=0)
    rows[5, 0] = np.nan
    text = "a,b\n" + "".join(f"{a},{b}\n" for a, b in rows.tolist()).replace("nan", "")
    (tmp_path / "series.csv").write_text(text)
    section = DataSection(source="series.csv", target="b", windows=6)
    loaded = loading.load(section, seed=0, folder=tmp_path)
    assert loaded.input_shape == (6, 3)  # a, whether it is missing, b
    for name in (LINEAR, TREES):
        assert np.isfinite(outputs(name, loaded)).all()
    error = metrics.mean_absolute_error(loaded.validation.y, outputs(LINEAR, loaded))
    assert error < metrics.mean_absolute_error(loaded.validation.y, outputs(GUESS, loaded))


def test_what_can_not_be_learned_is_said(tmp_path, monkeypatch):
    digits = loading.load(DataSection(source="sklearn:digits"), seed=0, folder=tmp_path)
    assert [baseline_models.missing(name, digits) for name in EACH] == ["", *["pictures"] * 2]
    wide = loading.load(DataSection(source="sklearn:wine"), seed=0, folder=tmp_path)
    assert [baseline_models.missing(name, wide) for name in EACH] == [""] * 3
    monkeypatch.setattr(baseline_models, "MOST_VALUES", 2_000_000)
    x = np.zeros((5_000, 340)) + np.arange(340)
    many = data(tmp_path, x, np.arange(5_000) % 2)
    assert [baseline_models.missing(name, many) for name in EACH] == [""] * 3
    many = data(tmp_path, x, np.arange(5_000) % 2, folds=3)
    said = "3 million values to learn from, more than 2"
    assert [baseline_models.missing(name, many) for name in EACH] == ["", said, said]


def test_rows_of_many_words_are_for_the_linear_model_alone(tmp_path):
    rows = sparse.random(80, 50, density=0.1, format="csr", rng=np.random.default_rng(0))
    loaded = data(tmp_path, RNG.normal(size=(80, 50)), np.arange(80) % 2)
    words = loading.replace(
        loaded,
        split=loading.replace(loaded.split, pool=loading.Part(rows[:64], loaded.split.pool.y)),
    )
    assert baseline_models.missing(TREES, words) == "sparse rows"
    assert baseline_models.missing(LINEAR, words) == ""
    assert outputs(LINEAR, words).shape == (16, 1)
