"""Each column of a table as what it is, or left out with a reason, or refused with its place."""

import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studyhall.search.data.columns import features, fitting
from studyhall.search.data.columns.features import Column
from studyhall.search.data.row_places import Place

ROWS = 40
RNG = np.random.default_rng(0)


def fitted(wanted="", target=None, **column):
    """The kind that is found for one column."""
    frame = pd.DataFrame(column)
    (name,) = frame
    kinds = {name: wanted} if wanted else {}
    return fitting.fitted(frame, Place("t.csv"), kinds, target)


def kind(values, wanted=""):
    found = fitted(wanted, a=values)
    assert found.problems == [] and len(found.columns) == 1, found
    return found.columns[0].kind


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.5, 2.5], "number"),
        ([3, 1], "number"),
        (["1,163.74", "5"], "number"),
        (["12 %", "n/a", "8 %"], "number"),
        ([True, False], "boolean"),
        (["True", "0", "FALSE"], "boolean"),
        (["yes", "no"], "boolean"),
        (["2024-01-31", "2024-02-01"], "date"),
        (["31.01.2024 12:00", "01.02.2024 13:30"], "date"),
        (pd.to_datetime(["2024-01-31", "2024-02-01"]), "date"),
        (["red", "NA", "blue"], "category"),
        (pd.Categorical(["s", "m"]), "category"),
        ([f"the {i} words of row {i} are many" for i in range(300)], "text"),
    ],
)
def test_kinds(values, expected):
    assert kind(values) == expected


@pytest.mark.parametrize(
    ("values", "wanted", "expected"),
    [
        (["81925", "80331"], "category", "category"),
        (["red", "blue"], "text", "text"),
        ([0, 1, 1], "boolean", "boolean"),
        (["01/02/2024", "03/04/2024"], "date:%d/%m/%Y", "date"),
        (["1,163", "2,222"], "decimal comma", "number"),
        ([*range(ROWS)], "keep", "number"),
        ([7] * ROWS, "number", "number"),
        ([f"user-{i}" for i in range(ROWS)], "category", "category"),
    ],
)
def test_the_study_file_decides(values, wanted, expected):
    assert kind(values, wanted) == expected


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([*range(ROWS)], 'it numbers the rows; [data.columns] a = "keep" keeps it'),
        ([7] * ROWS, 'it has one value only, 7; [data.columns] a = "keep" keeps it'),
        ([None] * ROWS, 'it has no values; [data.columns] a = "keep" keeps it'),
        (
            [f"user-{i}" for i in range(ROWS)],
            "its 40 different values in 40 rows identify rows;"
            ' [data.columns] a = "category" keeps it',
        ),
    ],
)
def test_what_tells_nothing_is_left_out(values, why):
    found = fitted(a=values)
    assert (found.columns, found.problems) == ([], [])
    assert found.notes == [f"column a: left out: {why}"]


def test_a_nameless_index_is_left_out():
    found = fitted(**{"Unnamed: 0": range(1, ROWS + 1)})
    assert found.columns == []
    assert "numbers the rows, and has no name" in found.notes[0]
    assert '[data.columns] "Unnamed: 0" = "keep"' in found.notes[0]


@pytest.mark.parametrize("again", [lambda y: y, lambda y: y.astype(float)])
def test_a_copy_of_the_target_is_left_out(again):
    y = pd.Series(RNG.integers(0, 3, ROWS), name="y")
    found = fitted(target=y, a=again(y))
    assert found.columns == [] and "a copy of the target, y" in found.notes[0]
    assert fitted(target=y, a=1 - y).columns != []


@pytest.mark.parametrize(
    ("values", "wanted", "line"),
    [
        (["1", "2", "3 apples"], "", '"3 apples" in t.csv, column a, row 3, expected a number'),
        (["red", "blue"], "number", '"red" (and 1 more) in t.csv, column a, row 1'),
        (
            ["red", "blue"],
            "date",
            '"red" in t.csv, column a, row 1, expected a date; or its format',
        ),
        (["maybe", "yes"], "boolean", '"maybe" in t.csv, column a, row 1, expected true or false'),
        (["01/02/2024"] * 2, "keep", 'expected [data.columns] a = "date:%d/%m/%Y" or'),
        ([1.0, np.inf], "", "infinity in t.csv, column a, row 2, expected a number"),
        ([1j, 2j], "", "complex128 in t.csv, column a, expected numbers, text, dates"),
        (["2024-01-31", "x"], "date:%Y-%m-%d", "expected a date like %Y-%m-%d"),
    ],
)
def test_what_is_refused(values, wanted, line):
    found = fitted(wanted, a=values)
    assert found.columns == [] and line in found.problems[0], found.problems


def test_columns_left_out_by_the_study_file():
    found = fitted("drop", a=["anything", None])
    assert (found.columns, found.problems) == ([], [])
    assert found.notes == ["column a: left out, as [data.columns] says"]


def test_rare_categories_are_one():
    values = [*["red"] * 60, *["blue"] * 60, "green", "pink"]
    (column,) = fitted(a=values).columns
    assert column.values == ("blue", "red") and column.other
    assert [rest for _, rest in column.features] == ["(other)", "blue", "red"]
    x = np.stack(features.encoded(column, features.words(pd.Series(["red", "pink", "new"]))))
    assert x.T.tolist() == [[0, 0, 1], [1, 0, 0], [1, 0, 0]]


def test_so_many_categories_and_no_more():
    values = [f"v{i % 300:03}" for i in range(3000)]
    (column,) = fitted(a=values).columns
    assert len(column.values) == fitting.MOST_CATEGORIES and column.other


@settings(max_examples=8)
@given(
    counts=st.lists(st.integers(1, 4), min_size=1, max_size=40),
    few=st.integers(1, 20),
)
def test_beyond_so_many_frequent_categories_their_numbers_are_the_feature(counts, few):
    counts = [3] * (fitting.MOST_CATEGORIES - few) + counts
    values = pd.Series([f"v{i:03}" for i, count in enumerate(counts) for _ in range(count)])
    found = fitting.fitted(pd.DataFrame({"a": values}), Place("t.csv"), {}, embeds=True)
    (column,) = found.columns
    frequent = sorted(f"v{i:03}" for i, count in enumerate(counts) if count > 1)
    assert column.embedded == (len(frequent) > fitting.MOST_CATEGORIES)
    assert column.values == tuple(frequent) and column.other == (min(counts) == 1)
    if column.embedded:
        (numbers,) = features.encoded(column, np.array([*frequent, "new"], object))
        assert numbers.tolist() == [*range(1, len(frequent) + 1), 0]
        assert (features.feature_names([column]), column.flags) == (("a",), (True,))
        assert f"{len(frequent)} values, more than 200: models learn a vector" in found.notes[-1]


MISSING = st.sampled_from(["", "?", "n/a", "NaN", "null"])


@given(values=st.lists(st.one_of(st.floats(-1e6, 1e6), MISSING), min_size=2, max_size=30))
def test_missing_numbers_have_a_feature(values):
    texts = pd.Series([str(value) for value in values])
    found = fitted("number", a=texts)
    (column,) = found.columns
    numbers, *missing = features.encoded(column, features.raw(column, texts))
    where = [isinstance(value, str) for value in values]
    assert np.isnan(numbers).tolist() == where and column.gaps == any(where)
    assert [each.astype(bool).tolist() for each in missing] == [where] * column.gaps


@given(
    times=st.lists(
        st.datetimes(datetime.datetime(1900, 1, 1), datetime.datetime(2100, 1, 1)),
        min_size=2,
        max_size=20,
    )
)
def test_dates_are_the_same_typed_or_written(times):
    times = [time.replace(microsecond=0) for time in times]
    typed = pd.Series(pd.to_datetime(times))
    written = pd.Series([f"{time:%Y-%m-%d %H:%M:%S}" for time in times])
    of_typed, of_written = (
        fitted("date:%Y-%m-%d %H:%M:%S", a=each).columns[0] for each in (typed, written)
    )
    one = features.raw(of_typed, typed)
    other = features.raw(of_written, written)
    assert np.array_equal(one, other) and of_typed.hours == of_written.hours


def test_a_column_is_what_its_description_says():
    (column,) = fitted(a=["x", "y", "x"]).columns
    assert features.from_dict(column.to_dict()) == column


def test_the_names_of_features():
    listed = [
        Column("age", "number", gaps=True),
        Column("job", "category", ("", "cook"), other=True),
        Column("on", "date"),
    ]
    assert features.feature_names(listed) == (
        "age", "age missing", "job=(other)", "job=(no value)", "job=cook",
        "on days", "on year", "on month sin", "on month cos", "on weekday sin", "on weekday cos",
    )  # fmt: skip


@pytest.mark.parametrize("text", ["1,5", "12 %", "$5", "0x1f", "1.234,56", "1,163.74"])
def test_a_gap_among_numbers_that_are_not_plain(text):
    found = fitted(a=[text, None] * 10)
    assert found.problems == [] and found.columns[0].gaps
    assert f'"{text}" read as' in found.notes[-1]


def test_a_note_shows_each_way_of_writing():
    found = fitted(a=["1.261,96 €", "2.334 €", "754 €", "2.335 €", ""])
    note = 'numbers, with "1.261,96 €" read as 1261.96, "2.334 €" read as 2334, "754 €" read as 754'
    assert found.notes[-1] == f"column a: {note}"
    assert (found.columns[0].form, found.columns[0].unit) == ("decimal comma", "€")


@pytest.mark.parametrize(
    ("values", "line"),
    [
        (["43 %", "0.43"], '"0.43" in t.csv, column a, row 2, expected the unit of "43 %"'),
        (["$5", "5 €"], '"5 €" in t.csv, column a, row 2, expected the unit of "$5"'),
        (["2.334 €", "75 €"], '"number" if it is 2.334 €, "decimal comma" if it is 2334 €'),
        (
            ["14.07.2017", "15.07.2017", "2017-07-16"],
            '"2017-07-16" in t.csv, column a, row 3, expected a date like %d.%m.%Y, as in most',
        ),
    ],
)
def test_what_would_be_misread_is_refused(values, line):
    (problem,) = fitted(a=values).problems
    assert line in problem
