import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studyhall.search.data.errors import DataError
from studyhall.search.data.sources import reading, table_patterns, tables
from studyhall.search.data.sources.tables import Roles
from studyhall.search.study_file.input_sections import DataSection

FRAME = pd.DataFrame(
    {
        "age": [31, 42, 53, 64, 75, 86],
        "city": ["Bern", "Rome", "Oslo", "Bern", "Rome", "Oslo"],
        "y": ["a", "b", "a", "b", "a", "b"],
    }
)


def write(folder, **files):
    for name, frame in files.items():
        path = folder / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(frame) if isinstance(frame, str) else frame.to_csv(path, index=False)
    return folder


def read(folder, pattern="*.csv", **keys):
    return reading.read(DataSection(source=pattern, target="y", **keys), folder)


def problems(folder, pattern="*.csv", **keys):
    with pytest.raises(DataError) as caught:
        read(folder, pattern, **keys)
    return caught.value.problems


@settings(max_examples=20)
@given(cuts=st.lists(st.integers(0, 6), max_size=4), kind=st.sampled_from(["csv", "parquet"]))
def test_a_table_in_pieces_is_the_table(tmp_path_factory, cuts, kind):
    folder = tmp_path_factory.mktemp("exports")
    ends = [0, *sorted({*cuts} - {0, 6}), 6]
    for number, (start, end) in enumerate(itertools.pairwise(ends)):
        columns = ["age", "city", "y"] if number % 2 else ["y", "age", "city"]
        piece = FRAME.iloc[start:end][columns]
        path = folder / f"{number}.{kind}"
        piece.to_csv(path, index=False) if kind == "csv" else piece.to_parquet(path)
    FRAME[["y", "age", "city"]].to_csv(folder / "whole.txt", index=False)
    found, whole = read(folder, f"*.{kind}"), tables.read(folder / "whole.txt", Roles("y"))
    assert found.columns == whole.columns
    assert np.array_equal(found.x, whole.x) and np.array_equal(found.y, whole.y)


def test_files_come_in_the_order_of_their_names_at_any_depth(tmp_path):
    write(tmp_path, **{name: FRAME.assign(age=at) for at, name in enumerate(["b", "a/c", "a/b/d"])})
    (tmp_path / ".hidden.csv").write_text("nothing\n")
    found = table_patterns.matched("**/*.csv", tmp_path)
    assert [path.name for path in found.paths] == ["d.csv", "c.csv", "b.csv"]
    frame, place = table_patterns.read(found)
    assert frame["age"].tolist() == [2] * 6 + [1] * 6 + [0] * 6
    assert [place.of(row)[0] for row in (0, 6, 12)] == ["a/b/d.csv", "a/c.csv", "b.csv"]


def test_words_in_one_file_keep_numbers_of_the_others_as_they_are_written(tmp_path):
    write(tmp_path, a="code,y\n01,a\n2,b\n3,a\n", b="code,y\nx7,b\n01,a\n,b\n")
    frame, _ = table_patterns.read(table_patterns.matched("*.csv", tmp_path))
    assert frame["code"].tolist()[:5] == ["01", "2", "3", "x7", "01"]


def test_a_column_without_values_in_one_file_is_what_it_is_in_the_others(tmp_path):
    write(tmp_path, a=FRAME, b=FRAME.assign(age=np.nan, city=np.nan))
    found = read(tmp_path)
    kinds = {column.name: column.kind for column in found.table}
    assert kinds == {"age": "number", "city": "category"} and len(found.x) == 12


def test_a_file_with_other_columns_is_named(tmp_path):
    write(tmp_path, a=FRAME, b=FRAME.rename(columns={"city": "town"}), c=FRAME.drop(columns="age"))
    expected = "expected the columns of a.csv: age, city, y"
    assert problems(tmp_path) == [
        f"[data] source: received b.csv without city and with town, {expected}",
        f"[data] source: received c.csv without age, {expected}",
    ]


def test_a_row_is_named_by_its_file_and_its_number_there(tmp_path):
    gap = "age,city,y\n1,Bern,\n2,Rome,a\nold,Oslo,b\n"  # a row without target comes before
    write(tmp_path, a=FRAME, b=gap)
    (line,) = problems(tmp_path)
    assert line.startswith('[data] source: received "old" in b.csv, column age, row 3, expected a')


def test_types_that_differ_between_files_with_types_are_named(tmp_path):
    FRAME.to_parquet(tmp_path / "a.parquet")
    FRAME.assign(age="old").to_parquet(tmp_path / "b.parquet")
    assert problems(tmp_path, "*.parquet") == [
        "[data] source: received column age with numbers in a.parquet and text in b.parquet,"
        " expected one type for age"
    ]


@pytest.mark.parametrize(
    ("pattern", "received"),
    [
        ("exports/*.csv", '"exports/*.csv", which no file matches'),
        ("*", '"*", which matches notes.md'),
        ("*.[ct]*", '"*.[ct]*" for files of several formats, such as one.csv, two.txt'),
    ],
)
def test_what_a_pattern_should_match(tmp_path, pattern, received):
    write(tmp_path, one=FRAME)
    (tmp_path / "two.txt").write_text("age,city,y\n1,Bern,a\n")
    (tmp_path / "notes.md").write_text("#")
    (line,) = problems(tmp_path, pattern)
    assert line.startswith(f"[data] source: received {received}")


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path):
    write(tmp_path, **{"data[1]": FRAME, "data1": FRAME.assign(age=1)})
    assert len(read(tmp_path, "data[1].csv").x) == 6
