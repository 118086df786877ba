import re

import numpy as np
import pytest

from studyhall.search.data.errors import DataError
from studyhall.search.data.target_kinds import notes
from studyhall.search.data.targets import coding

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("y", "task", "classes", "outputs"),
    [
        (np.array(["cat", "dog", "cat"]), "binary", ("cat", "dog"), 1),
        (np.array([True, False]), "binary", ("False", "True"), 1),
        (np.array([0.0, 1.0, 1.0], np.float32), "binary", ("0", "1"), 1),
        (np.array([2, 0, 1, 7]), "multiclass", ("0", "1", "2", "7"), 4),
        (np.tile(np.arange(46), 10), "multiclass", tuple(map(str, range(46))), 46),
        (np.eye(3)[[0, 1, 2, 2]], "multiclass", ("0", "1", "2"), 3),
        (np.array([[1, 0, 1], [0, 0, 1]]), "multilabel", ("0", "1", "2"), 3),
        (np.array([1.0, 2.0, 3.0]), "regression", (), 1),
        (np.array([1.0, 2.0, 3.0] * 2), "multiclass", ("1", "2", "3"), 3),
        (np.tile(np.arange(1.0, 13), 9), "multiclass", tuple(map(str, range(1, 13))), 12),
        (np.tile(np.arange(1, 13).astype(np.float32), 9)[:, None], "multiclass", None, 12),
        (np.array([1.0, 2.0, 2.5] * 9), "regression", (), 1),
        (np.array([-1.0, 1.0] * 9), "binary", ("-1", "1"), 1),
        (np.tile(np.arange(30.0), 9), "regression", (), 1),
        (RNG.random((5, 2)), "regression", (), 2),
        (RNG.integers(0, 100, 500), "regression", (), 1),  # ages, say
        (np.arange(46), "regression", (), 1),  # each once
    ],
)
def test_the_task_is_told_from_the_targets(y, task, classes, outputs):
    found = coding(y)
    assert (found.task, found.outputs) == (task, outputs)
    assert classes is None or found.classes == classes


def test_classes_become_their_numbers():
    found = coding(np.array([5, 9, 5, 7]))
    assert found.apply(np.array([9, 5, 7])).tolist() == [2, 0, 1]
    assert found.apply(np.array([9])).dtype == np.int32


def test_one_hot_becomes_class_numbers():
    y = np.eye(3)[[2, 0, 1]]
    assert coding(y).apply(y).tolist() == [2, 0, 1]


@pytest.mark.parametrize(
    ("y", "shape"),
    [
        (np.array([1.5, 2, 4]), (3,)),
        (RNG.random((4, 2)), (4, 2)),
        (np.array([[1, 1], [0, 1]]), (2, 2)),
    ],
)
def test_values_and_labels_become_float32(y, shape):
    coded = coding(y).apply(y)
    assert coded.dtype == np.float32 and coded.shape == shape and np.allclose(coded, y)


def test_the_source_names_its_classes():
    assert coding(np.array([0, 2, 1]), names=("a", "b", "c")).classes == ("a", "b", "c")
    assert coding(np.array([3, 4]), names=("a", "b")).classes == ("3", "4")


@pytest.mark.parametrize(
    ("y", "task", "expected"),
    [
        (np.array([1, 2, 3]), "regression", "regression"),
        (np.array([0.0, 1.0]), "regression", "regression"),
        (np.array([1.0, 2.0, 3.0]), "classification", "multiclass"),
        (np.arange(46), "classification", "multiclass"),
        (np.eye(3), "multilabel", "multilabel"),
        (np.eye(3), "regression", "regression"),
    ],
)
def test_the_study_file_may_know_better(y, task, expected):
    assert coding(y, task).task == expected


@pytest.mark.parametrize(
    ("y", "task", "line"),
    [
        (
            np.array(["cat"] * 3),
            "auto",
            "[data] target: received one class only (cat) in 3 samples,"
            " expected two classes or more",
        ),
        (
            np.eye(3)[[1, 1]],
            "auto",
            "[data] target: received one class only (1) in 2 samples, expected two classes or more",
        ),
        (
            np.array([2.5, 2.5]),
            "auto",
            "[data] target: received 2.5 for each of 2 samples, expected different values",
        ),
        (
            np.array([0.5, 1.5]),
            "classification",
            "[data] target: received 0.5 as a class,"
            ' expected whole numbers or text; or task = "regression"',
        ),
        (
            np.array(["a", "b"]),
            "regression",
            '[data] target: received "a" in sample 1, expected numbers, or task = "classification"',
        ),
        (
            np.array([[1, 1], [0, 1]]),
            "classification",
            "[data] target: received targets of shape (2, 2) that are not one-hot,"
            ' expected one class per sample; or task = "multilabel"',
        ),
        (
            np.array([0, 1, 2]),
            "multilabel",
            "[data] target: received targets of type int64 and shape (3,),"
            " expected 0 or 1 for every label: (samples, labels)",
        ),
    ],
)
def test_targets_that_cannot_be_learned(y, task, line):
    with pytest.raises(DataError) as caught:
        coding(y, task, key="target")
    assert caught.value.problems == [line]


def test_floats_as_classes_are_told():
    y = np.tile(np.arange(1.0, 8), 9)
    assert notes(y, "auto") == [
        "the targets 1, 2, 3, 4, 5, … (7 in all) are taken for classes;"
        ' [data] task = "regression" if they are not'
    ]
    assert notes(y, "classification") == notes(y, "regression") == []
    assert notes(y.astype(int), "auto") == notes(y + 0.5, "auto") == notes(y > 3, "auto") == []


@pytest.mark.parametrize(
    ("y", "said"),
    [
        (1e9 + RNG.random(50), "whose differences float32 loses"),
        (1.7e12 + 1000 * RNG.random((50, 2)), "whose differences float32 loses"),
        (1e20 * RNG.random(50), "a unit in which they differ by 1 / 1e+15 to 1e+15"),
        (1e-20 * RNG.random(50), "a unit in which they differ by 1 / 1e+15 to 1e+15"),
    ],
)
def test_targets_that_float32_does_not_hold(y, said):
    with pytest.raises(DataError, match=re.escape(said)):
        coding(y)


def test_a_class_that_was_never_trained_on():
    with pytest.raises(DataError, match="received class bird in the source's own test"):
        coding(np.array(["cat", "dog"])).apply(np.array(["cat", "bird"]))


def test_text_for_a_two_dimensional_table_of_labels():
    with pytest.raises(DataError, match="that are not one-hot"):
        coding(np.array([["a", "b"], ["b", "a"]]), "classification")


@pytest.mark.parametrize("row", [0, 7, 59])
def test_a_word_among_numbers_as_text_is_named(row):
    y = np.array([f"{number}.5" for number in range(60)])
    with pytest.raises(DataError, match=r'numbers as text, such as "0\.5", expected numbers'):
        coding(y, "regression")
    y[row] = "much"
    with pytest.raises(DataError, match=f'received "much" in sample {row + 1}, expected numbers'):
        coding(y, "regression")


@pytest.mark.parametrize("share", [0.02, 0.4])
def test_words_among_numbers_as_text_are_no_classes(share):
    rng = np.random.default_rng(int(share * 100))
    y = np.array([f"{value:.2f}" for value in rng.normal(size=90)])
    with pytest.raises(DataError, match=r"received numbers as text, such as .* expected numbers"):
        coding(y)
    rows = np.sort(rng.choice(90, int(90 * share) + 1, replace=False))
    y[rows] = "many"
    line = f'[data] source: received "many" in sample {rows[0] + 1} among numbers, expected numbers'
    with pytest.raises(DataError, match=re.escape(line)):
        coding(y)
    assert coding(y, "classification").task == "multiclass"
    assert coding(y, key="target").task == "multiclass"  # whose column was read by its kind


def test_digits_as_text_are_classes():
    assert coding(np.array(["7", "3", "9"] * 4)).classes == ("3", "7", "9")
    assert coding(np.array(["grade 1", "2", "few", "grade 1", "2"])).task == "multiclass"
