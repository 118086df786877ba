"""Targets of tables: numbers as people write them, classes, words for no value."""

import random

import numpy as np
import pandas as pd
import pytest

from studyhall.search.data import loading
from studyhall.search.data.errors import DataError
from studyhall.search.data.sources import tables
from studyhall.search.data.sources.tables import Roles
from studyhall.search.data.sources.windows import Series
from studyhall.search.study_file.input_sections import DataSection

ROWS = 60
DRAWN = random.Random(4)


def table(folder, targets):
    """Write a table with these targets, and return its path."""
    lines = [f"{DRAWN.random():.4f};{target}" for target in targets]
    path = folder / "t.csv"
    path.write_text("\n".join(["x;y", *lines]) + "\n")
    return path


def read(folder, targets, kind=None, task="auto"):
    kinds = {} if kind is None else {"y": kind}
    return tables.read(table(folder, targets), Roles("y", kinds=kinds, task=task))


def problems(folder, targets, kind=None, task="auto"):
    with pytest.raises(DataError) as caught:
        read(folder, targets, kind, task)
    return caught.value.problems


def loaded(folder, targets, task="auto"):
    section = DataSection(source=str(table(folder, targets)), target="y", task=task)
    return loading.load(section, seed=0, folder=folder)


def comma(value):
    return f"{value:.2f}".replace(".", ",")


WAYS = {
    "decimal comma": comma,
    "euros": lambda value: f"{comma(value)} €",
    "dollars": lambda value: f"${value:.2f}",
    "per cent": lambda value: f"{value:.2f} %",
    "thousands": lambda value: f"{1000 + value:,.2f}",
}


@pytest.mark.parametrize("task", ["auto", "regression"])
@pytest.mark.parametrize("way", WAYS)
def test_numbers_as_people_write_them_are_a_regression(tmp_path, way, task):
    values = [round(DRAWN.uniform(1, 99), 2) for _ in range(ROWS)]
    arrays = read(tmp_path, map(WAYS[way], values), task=task)
    wanted = np.array(values) + (1000 if way == "thousands" else 0)
    np.testing.assert_allclose(arrays.y, wanted)
    first = WAYS[way](values[0])
    assert f'column y: numbers, with "{first}" read as {wanted[0]:.12g}' in arrays.notes
    data = loaded(tmp_path, map(WAYS[way], values), task)
    assert data.task == "regression" and any(first in note for note in data.notes)


def test_grades_with_a_comma_are_what_grades_with_a_point_are(tmp_path):
    grades = [1.0, 1.3, 1.7, 2.0, 2.3] * 12
    with_point = loaded(tmp_path, grades)
    with_comma = loaded(tmp_path, map(comma, grades))
    assert with_point.task == with_comma.task == "regression"
    np.testing.assert_array_equal(with_point.split.pool.y, with_comma.split.pool.y)


def test_grades_are_classes_where_the_task_or_the_column_says_so(tmp_path):
    grades = ["1,3", "1,7", "2,0"] * 20
    for kind, task in ((None, "classification"), ("category", "auto")):
        assert {*read(tmp_path, grades, kind, task).y} == {*grades}


def test_what_can_be_read_in_two_ways_is_decided_by_the_column(tmp_path):
    targets = [f"{DRAWN.randint(1, 9)},{DRAWN.randint(0, 999):03}" for _ in range(ROWS)]
    (line,) = problems(tmp_path, targets)
    assert "column y, row 1" in line and 'y = "number" if it is' in line
    thousands = [float(text.replace(",", "")) for text in targets]
    np.testing.assert_allclose(read(tmp_path, targets, "number").y, thousands)
    decimals = np.array(thousands) / 1000
    np.testing.assert_allclose(read(tmp_path, targets, "decimal comma").y, decimals)


@pytest.mark.parametrize("task", ["auto", "regression"])
@pytest.mark.parametrize("row", [1, 17, ROWS])
def test_a_word_among_numbers_is_named_with_its_row(tmp_path, row, task):
    targets = [f"{DRAWN.uniform(1, 9):.4f}" for _ in range(ROWS)]
    targets[row - 1] = "viel"
    (line,) = problems(tmp_path, targets, task=task)
    assert f'received "viel" in t.csv, column y, row {row}, expected a number' in line
    assert "drop" not in line
    assert task == "regression" or '[data.columns] y = "category"' in line
    (line,) = problems(tmp_path, targets, "number")
    assert f'"viel" in t.csv, column y, row {row}' in line


def test_rows_are_counted_with_those_that_have_no_target(tmp_path):
    targets = ["1.5", "", "NA", "2.5", "viel", "3.5", "4.5"]
    assert "column y, row 5," in problems(tmp_path, targets)[0]


@pytest.mark.parametrize("word", ["NA", "?", "-", "null", "n/a"])
@pytest.mark.parametrize("values", [("0", "1"), ("1", "2", "3", "4", "5"), ("1,5", "2,25", "3,1")])
def test_words_for_no_value_are_none_among_numbers(tmp_path, values, word):
    known = [*values] * 12
    arrays = read(tmp_path, [*known, word, ""])
    np.testing.assert_allclose(arrays.y, [float(text.replace(",", ".")) for text in known])
    assert f'column y: "{word}" in 1 row read as no value' in arrays.notes
    assert f"2 rows of {len(known) + 2} left out: no value in y, the target" in arrays.notes
    whole = "," not in values[0]
    assert loaded(tmp_path, [*known, word]).classes == (values if whole else ())


def test_words_for_no_value_are_classes_among_words(tmp_path):
    arrays = read(tmp_path, ["red", "blue", "NA"] * 12)
    assert {*arrays.y} == {"red", "blue", "NA"}
    (note,) = (note for note in arrays.notes if "read as classes" in note)
    assert note.startswith('column y: "NA" in 12 rows')


def test_truth_values_are_what_they_are_called(tmp_path):
    targets = ["yes", "no", "?"] * 12
    assert {*read(tmp_path, targets).y} == {"yes", "no"}
    arrays = read(tmp_path, ["yes", "N", "true", "0"] * 9, "boolean")
    assert arrays.y.tolist() == ["True", "False"] * 18
    assert "row 5" in problems(tmp_path, ["yes", "no", "yes", "no", "maybe"], "boolean")[0]
    assert "row" in problems(tmp_path, ["0", "1", "2"] * 9, "boolean")[0]


def test_words_are_no_regression(tmp_path):
    (line,) = problems(tmp_path, ["red", "blue"] * 9, task="regression")
    assert 'received "red" (and 17 more) in t.csv, column y, row 1, expected a number' in line


@pytest.mark.parametrize("kind", ["drop", "date", "date:%Y"])
def test_no_target_is_dropped_or_a_date(tmp_path, kind):
    (line,) = problems(tmp_path, ["1", "2"] * 9, kind)
    assert line.startswith(f'[data] columns: received y = "{kind}" for the target')


def test_types_of_parquet_hold_unless_the_column_says_otherwise(tmp_path):
    path = tmp_path / "t.parquet"
    day = pd.date_range("2024-01-01", periods=4)
    pd.DataFrame({"x": [1, 2, 3, 5], "day": day, "y": [7, 9, 7, 9]}).to_parquet(path)
    assert tables.read(path, Roles("y")).y.tolist() == [7, 9, 7, 9]
    as_words = tables.read(path, Roles("y", kinds={"y": "category"})).y
    assert as_words.tolist() == ["7", "9", "7", "9"] and as_words.dtype.kind == "U"
    with pytest.raises(DataError, match=r"received 7 in t\.parquet, column y, row 1"):
        tables.read(path, Roles("y", kinds={"y": "boolean"}))
    with pytest.raises(DataError, match=r"datetime64.* in t\.parquet, column day, the target"):
        tables.read(path, Roles("day"))


def test_the_past_of_a_target_is_read_as_the_target_is(tmp_path):
    targets = [comma(value) for value in np.linspace(1, 9, ROWS)]
    roles = Roles("y", series=Series(3, 1))
    arrays = tables.read(table(tmp_path, targets), roles)
    np.testing.assert_allclose(arrays.y, np.round(np.linspace(1, 9, ROWS), 2)[3:])
    own = arrays.columns.index("y")
    np.testing.assert_allclose(arrays.x[1:, -1, own], arrays.y[:-1], rtol=1e-6)


@pytest.mark.parametrize("rows", [[4], [1, ROWS]])
def test_a_class_too_small_for_the_parts_is_named_with_its_rows(tmp_path, rows):
    targets = [DRAWN.choice("ab") for _ in range(ROWS)]
    for row in rows:
        targets[row - 1] = "r"
    targets.insert(2, "")  # left out, and counted nonetheless
    with pytest.raises(DataError) as caught:
        loaded(tmp_path, targets)
    there = ", ".join(f"row {row + (row > 2)} of t.csv" for row in rows)
    samples = "1 sample" if len(rows) == 1 else "2 samples"
    assert caught.value.problems == [
        f"[data] split: received {samples} of class r ({there}) for 3 parts,"
        " expected at least one for each: more of this class, or none"
    ]


@pytest.mark.parametrize("dates", [("2024-01", "2024-02"), ("01/02/2024", "03/04/2024")])
def test_dates_are_classes_and_that_is_said(tmp_path, dates):
    arrays = read(tmp_path, [*dates, "NA"] * 12)
    assert {*arrays.y} == {*dates} and "column y: dates, read as classes" in arrays.notes
    assert "column y, row 1" in problems(tmp_path, [*dates] * 12, task="regression")[0]
