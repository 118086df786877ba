import numpy as np
import pytest

from studyhall.search.data import loading, ordering, splits
from studyhall.search.data.errors import DataError
from studyhall.search.data.labels import Labels
from studyhall.search.study_file.input_sections import DataSection

THREE = {"training": 0.6, "validation": 0.2, "test": 0.2}
RNG = np.random.default_rng(0)


def test_the_last_values_are_the_test_set():
    order = RNG.permutation(50)
    parts = splits.divide(Labels(50, order=order), THREE, seed=0)
    assert [len(rows) for rows in parts.values()] == [30, 10, 10]
    spans = [(order[rows].min(), order[rows].max()) for rows in parts.values()]
    assert spans == [(0, 29), (30, 39), (40, 49)]


def test_equal_values_are_never_parted():
    order = np.repeat(np.arange(12), 5)
    parts = splits.divide(Labels(60, order=order), {"a": 0.62, "b": 0.38}, seed=0)
    assert [len(rows) for rows in parts.values()] == [35, 25]


@pytest.mark.parametrize("order", [np.zeros(60), np.repeat([0, 1], 30)])
def test_too_few_values_for_the_parts(order):
    with pytest.raises(DataError, match=r"\[data\] split_by: received . different values for 3 pa"):
        splits.divide(Labels(60, order=order), THREE, seed=0)


def test_a_part_without_a_class():
    y = np.repeat([0, 1], [50, 10])
    labels = Labels(60, y, ("old", "new"), order=np.arange(60))
    with pytest.raises(DataError, match="split_by: received no samples of class new for train"):
        splits.divide(labels, THREE, seed=0)


@pytest.mark.parametrize(
    "values",
    [
        [3, 1, 2],
        [0.5, -1.0, 0.0],
        ["2024-02-01", "2023-12-31", "2024-01-01"],
        ["2024-01-01T10:00", "2024-01-01T09:59", "2024-01-01T09:59:30"],
        [b"2024-02-01", b"2023-12-31", b"2024-01-01"],
        np.array(["2024-02-01", "2023-12-31", "2024-01-01"], "datetime64[D]"),
    ],
)
def test_numbers_and_dates_are_ordered(values):
    assert np.argsort(ordering.numbers(np.array(values), "here")).tolist() == [1, 2, 0]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["2024-02-01", "01.02.2024"], '"01.02.2024" in here, row 1'),
        ([1.0, np.nan], "no value in here, row 1"),
        (np.array(["2024-02-01", "NaT"], "datetime64[D]"), "no value in here, row 1"),
        (np.array([1j]), "complex128 in here"),
    ],
)
def test_other_values_are_refused_by_their_place(values, said):
    with pytest.raises(DataError) as caught:
        ordering.numbers(np.array(values), "here")
    [line] = caught.value.problems
    assert line == f"[data] split_by: received {said}, expected " + (
        "a value in every row" if said.startswith("no") else ordering.EXPECTED
    )


def test_an_archive_is_split_by_its_dates(tmp_path):
    days = np.datetime64("2024-01-01") + RNG.permutation(50)
    x = days.astype(int).astype(float)
    np.savez(tmp_path / "d.npz", x=x, y=RNG.integers(0, 2, 50), day=days)
    section = DataSection(source="d.npz", split_by="day")
    found = loading.load(section, seed=0, folder=tmp_path)
    assert found.train.x.max() < found.validation.x.min() <= found.validation.x.max()
    assert found.validation.x.max() < found.test.x.min()
    for section, said in (
        (DataSection(source="d.npz", split_by="days"), '[data] split_by: received "days", expect'),
        (DataSection(source="d.npz", split_by="day", folds=3), "[data] folds: received 3 with spl"),
        (
            DataSection(source="sklearn:iris", split_by="day"),
            "this key only for a table or an .npz file",
        ),
    ):
        with pytest.raises(DataError) as caught:
            loading.load(section, seed=0, folder=tmp_path)
        assert said in str(caught.value)
