import dataclasses
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import sparse

from studyhall.search.data import description, loading
from studyhall.search.study_file.input_sections import DataSection

OFFLINE = [os.environ.get("STUDYHALL_DATA"), Path(__file__).parents[3] / ".." / "shared" / "data"]


def load(source, folder=Path(), seed=0, **more):
    return loading.load(DataSection(source=str(source), **more), seed=seed, folder=folder)


def problems(*arguments, **more):
    with pytest.raises(loading.DataError) as caught:
        load(*arguments, **more)
    return caught.value.problems


def saved(folder, **arrays):
    np.savez(folder / "data.npz", **arrays)
    return folder / "data.npz"


def sizes(found):
    return len(found.train), len(found.validation), len(found.test)


def test_digits_are_pictures_split_by_class():
    found = load("sklearn:digits")
    assert sizes(found) == (1079, 359, 359)
    assert found.input_shape == (8, 8, 1) and found.outputs == 10 and found.task == "multiclass"
    assert found.classes == tuple("0123456789")
    for part in (found.train, found.validation, found.test):
        assert part.y.dtype == np.int32
        assert np.allclose(np.bincount(part.y) / len(part), 0.1, atol=0.01)
    assert found.preparation.apply(found.train.x).max() == 1


def test_no_sample_is_in_two_parts(tmp_path):
    path = saved(tmp_path, x=np.arange(100.0), y=np.arange(100) % 4)
    found = load(path)
    parts = (found.train, found.validation, found.test)
    assert sorted(np.concatenate([part.x[:, 0] for part in parts])) == list(range(100))
    for part in parts:
        assert np.array_equal(part.y, part.x[:, 0] % 4)


def test_the_same_for_every_worker_and_another_seed_another_split():
    first, again, other = (load("sklearn:iris", seed=seed, folds=3) for seed in (1, 1, 2))
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert np.array_equal(first.train.x, again.train.x)


@pytest.mark.parametrize(
    "change",
    [
        {"x": np.arange(40, dtype=np.float32)},
        {"x": np.arange(40.0).reshape(20, 2)},
        {"x": np.append(np.arange(39.0), 50)},
        {"y": np.append(np.arange(38) % 2, [1, 0])},
        {"y": np.array(["a", "b"] * 20)},
        {"split": (0.5, 0.25, 0.25)},
        {"folds": 2},
    ],
)
def test_the_fingerprint_notices(tmp_path, change):
    arrays = {"x": np.arange(40.0), "y": np.arange(40) % 2}
    path = saved(tmp_path, **arrays)
    before = load(path).fingerprint
    more = {key: value for key, value in change.items() if key not in arrays}
    changed = {**arrays, **{key: value for key, value in change.items() if key in arrays}}
    changed["y"] = changed["y"][: len(changed["x"])]
    assert load(saved(tmp_path, **changed), **more).fingerprint != before


def test_the_fingerprint_stays_the_same_from_release_to_release(tmp_path):
    path = saved(tmp_path, x=np.arange(40.0), y=np.arange(40) % 2)
    expected = "ed9974fcb85318574a1ae381a85ebffe69150f2d94204cc0f9df7f2500f427b0"
    assert load(path).fingerprint == expected


def test_the_source_keeps_its_own_test_set(tmp_path):
    x, y = np.arange(100.0), np.arange(100) % 2
    path = saved(tmp_path, x_train=x, y_train=y, x_test=x[:10] + 1000, y_test=y[:10])
    found = load(path)
    assert sizes(found) == (75, 25, 10)
    assert found.test.x[:, 0].tolist() == list(range(1000, 1010))


def test_the_source_keeps_its_own_parts(tmp_path):
    x, y = np.arange(20.0), np.arange(20) % 2
    parts = {"x_train": x, "y_train": y, "x_val": -x[:6], "y_val": y[:6]}
    assert sizes(load(saved(tmp_path, **parts, x_test=x[:4], y_test=y[:4]))) == (20, 6, 4)
    found = load(saved(tmp_path, **parts))  # the test set is cut off the training set
    assert sizes(found) == (15, 6, 5) and (found.validation.x <= 0).all()


def test_samples_limits_what_is_split(tmp_path):
    assert sizes(load("sklearn:digits", samples=500)) == (300, 100, 100)
    assert sizes(load("sklearn:iris", samples=500)) == (90, 30, 30)
    x, y = np.arange(100.0), np.arange(100) % 2
    path = saved(tmp_path, x_train=x, y_train=y, x_test=x[:10], y_test=y[:10])
    assert sizes(load(path, samples=40)) == (30, 10, 10)


def test_one_fold_is_the_split():
    found = load("sklearn:iris")
    [(train, validation)] = found.folds
    assert np.array_equal(train.x, found.train.x)
    assert np.array_equal(validation.y, found.validation.y)


def test_folds_share_everything_but_the_test_set():
    found = load("sklearn:iris", folds=5)
    assert [(len(t), len(v)) for t, v in found.folds] == [(96, 24)] * 5
    pool = found.split.pool
    rows = np.concatenate([fold.validation_rows for fold in found.folds])
    assert sorted(rows) == list(range(len(pool))) == list(range(120))
    first = found.folds[0]
    assert np.array_equal(first.validation.x, pool.x[first.validation_rows])
    assert np.array_equal(first.validation.y, pool.y[first.validation_rows])
    assert sizes(found) == (90, 30, 30)


def test_each_fold_is_normalised_by_its_own_training_part():
    for fold in load("sklearn:iris", folds=3).folds:
        prepared = fold.preparation.apply(fold.train.x)
        assert np.allclose(prepared.mean(axis=0), 0, atol=1e-5)


def test_groups_stay_on_one_side(tmp_path):
    patients = np.repeat(np.arange(30), 4)
    frame = pd.DataFrame({"a": patients, "patient": patients, "y": ["ill", "well"] * 60})
    frame.to_csv(tmp_path / "t.csv", index=False)
    found = load("t.csv", tmp_path, target="y", group="patient", folds=3, normalize="none")
    assert found.columns == ("a",)
    parts = [set(part.x[:, 0]) for part in (found.train, found.validation, found.test)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 30
    for train, validation in found.folds:
        assert not set(train.x[:, 0]) & set(validation.x[:, 0])


def test_folds_by_group_need_groups_everywhere(tmp_path):
    x, y, g = np.arange(20.0), np.arange(20) % 2, np.arange(20) // 2
    path = saved(tmp_path, x_train=x, y_train=y, x_val=x[:6], y_val=y[:6], g=g)
    assert problems(path, group="g", folds=2) == [
        '[data] group: received "g", expected a source without a validation set of its own'
    ]


def test_regression():
    found = load("sklearn:diabetes")
    assert found.task == "regression" and found.outputs == 1 and found.classes == ()
    assert found.train.y.dtype == np.float32 and found.train.y.ndim == 1
    assert found.preparation.kind == "standard"


def test_a_table_with_categories(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"n": rng.normal(5, 2, 60), "c": ["u", "v", "w"] * 20, "y": [0, 1] * 30})
    frame.to_parquet(tmp_path / "t.parquet")
    found = load("t.parquet", tmp_path, target="y")
    assert found.columns == ("n", "c=u", "c=v", "c=w") and found.categories == {
        "c": ("u", "v", "w")
    }
    prepared = found.preparation.apply(found.train.x)
    assert abs(prepared[:, 0].mean()) < 1e-6 and set(prepared[:, 1:].flat) == {0, 1}


def test_a_folder_of_images(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in range(10):
            image = Image.new("RGB", (9, 7), (number * 20, 0, 100))
            image.save(tmp_path / "pets" / name / f"{number}.png")
    found = load("pets", tmp_path, image_size=(6, 5), grey=True)
    assert found.input_shape == (6, 5, 1) and found.classes == ("cat", "dog")
    assert found.task == "binary" and found.preparation.kind == "scale"


def test_a_users_sparse_rows_and_their_folds(tmp_path):
    (tmp_path / "words.py").write_text(
        "import numpy as np, scipy.sparse\n"
        "def load():\n"
        "    x = scipy.sparse.random(60, 50, 0.2, random_state=0)\n"
        "    return x, np.array(['no', 'yes'] * 30)\n"
    )
    found = load("words.py:load", tmp_path, folds=2)
    assert sparse.issparse(found.train.x) and found.input_shape == (50,)
    train, validation = found.folds[1]
    assert train.x.shape == validation.x.shape == (24, 50)
    assert found.classes == ("no", "yes")


def test_mistakes_name_the_target_column(tmp_path):
    (tmp_path / "t.csv").write_text("a,y\n1,cat\n2,cat\n3,cat\n")
    assert problems("t.csv", tmp_path, target="y") == [
        "[data] target: received one class only (cat) in 3 samples, expected two classes or more"
    ]


def test_a_normalisation_that_does_not_fit_is_refused_at_once(tmp_path):
    (tmp_path / "words.py").write_text(
        "import numpy as np, scipy.sparse\n"
        "def load():\n"
        "    return scipy.sparse.eye(30), np.array([0, 1, 2] * 10)\n"
    )
    assert problems("words.py:load", tmp_path, normalize="scale") == [
        '[data] normalize: received "scale", expected "none" for multi-hot rows'
    ]


@pytest.mark.parametrize(
    ("more", "count", "line"),
    [
        (
            {"split": (0.98, 0.01, 0.01)},
            20,
            "[data] split: received [0.98, 0.01, 0.01], which leaves 0 samples for validation,"
            " expected at least one of each of 2 classes",
        ),
        (
            {"folds": 10},
            20,
            "[data] folds: received 8 samples of class 0 for 10 folds,"
            " expected at least one for each: more of this class, or none, or fewer folds",
        ),
    ],
)
def test_too_little_to_divide(tmp_path, more, count, line):
    path = saved(tmp_path, x=np.arange(float(count)), y=np.arange(count) % 2)
    assert line in problems(path, **more)


def test_description(tmp_path):
    rows = dict(description.rows(load("sklearn:wine", folds=5)))
    assert rows["task"] == "multiclass, 3 classes: class_0, class_1, class_2"
    assert rows["samples"] == "106 training, 36 validation, 36 test"
    assert rows["input"] == "(13,), float32" and rows["columns"].startswith("alcohol, malic_acid")
    assert rows["folds"] == "5" and rows["normalisation"] == "standard"
    assert dict(description.rows(load("sklearn:diabetes")))["task"] == "regression"


def test_data_are_read_only_descriptions():
    with pytest.raises(dataclasses.FrozenInstanceError):
        load("sklearn:iris").task = "regression"


def test_digits_are_there_at_once():
    load("sklearn:digits")
    start = time.perf_counter()
    load("sklearn:digits")
    assert time.perf_counter() - start < 1


@pytest.fixture(scope="module")
def keras_home(tmp_path_factory):
    """A writable home for Keras with the real files in it."""
    found = [Path(place) / "keras" / "datasets" for place in OFFLINE if place]
    there = [place for place in found if place.is_dir()]
    if not there:
        pytest.skip(f"no real data sets: neither $STUDYHALL_DATA nor {found[-1]} is there")
    home = tmp_path_factory.mktemp("keras")
    for file in filter(Path.is_file, there[0].rglob("*")):
        link = home / "datasets" / file.relative_to(there[0])
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(file.resolve())
    return home


@pytest.mark.data
@pytest.mark.parametrize(
    ("source", "expected", "shape", "classes"),
    [
        ("keras:mnist", (45_000, 15_000, 10_000), (28, 28, 1), 10),
        ("keras:fashion_mnist", (45_000, 15_000, 10_000), (28, 28, 1), 10),
        pytest.param(
            "keras:imdb(num_words=10000)",
            (18_750, 6_250, 25_000),
            (10_000,),
            2,
            marks=pytest.mark.slow,
        ),
    ],
)
def test_real_data_sets(keras_home, monkeypatch, source, expected, shape, classes):
    from keras.src.backend import config

    monkeypatch.setattr(config, "_KERAS_DIR", str(keras_home))  # Keras reads KERAS_HOME only once
    monkeypatch.setenv("KERAS_HOME", str(keras_home))
    found = load(source)
    assert sizes(found) == expected and found.input_shape == shape
    assert len(found.classes) == classes
    if sparse.issparse(found.train.x):
        assert found.train.x.dtype == np.float32 and set(found.train.x.data) == {1}
        assert found.preparation.kind == "none"
    else:
        assert found.train.x.dtype == np.uint8  # until it is prepared
        assert found.preparation.apply(found.test.x[:1000]).max() == 1


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint16])
def test_whole_numbers_stay_whole_for_a_model_of_the_users_own(tmp_path, dtype):
    words = np.random.default_rng(0).integers(0, 50, (40, 6)).astype(dtype)
    saved(tmp_path, x=words, y=np.arange(40) % 2)

    def loaded(**more):
        section = DataSection(source="data.npz", **more)
        return loading.load(section, seed=0, folder=tmp_path, own_model=True)

    found = loaded()
    assert found.preparation.kind == "none"
    assert found.notes == (
        "whole numbers stay as they are for a model of your own; [data] normalize changes that",
    )
    assert loaded(normalize="standard").preparation.kind == "standard"
    assert load("data.npz", tmp_path).preparation.kind == "standard"
    saved(tmp_path, x=words.astype(float), y=np.arange(40) % 2)
    assert loaded().preparation.kind == "standard" and loaded().notes == ()


def test_few_whole_numbers_are_classes_however_they_are_stored(tmp_path):
    y = np.repeat(np.arange(1.0, 13), 6)
    found = load(saved(tmp_path, x=np.arange(72.0), y=y))
    assert found.task == "multiclass" and found.classes == tuple(map(str, range(1, 13)))
    assert found.notes[0].startswith("the targets 1, 2, 3, 4, 5, … (12 in all) are taken for clas")
    assert load(saved(tmp_path, x=np.arange(72.0), y=y), task="regression").task == "regression"
    assert problems(saved(tmp_path, x=np.arange(72.0), y=np.append(y[:-1], 13.0))) == [
        "[data] split: received 1 sample of class 13 for 3 parts,"
        " expected at least one for each: more of this class, or none;"
        ' or task = "regression", if these are no classes'
    ]
