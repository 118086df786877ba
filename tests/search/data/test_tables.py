import numpy as np
import pandas as pd
import pytest

from studyhall.search.data import tables
from studyhall.search.data.errors import DataError

FRAME = pd.DataFrame(
    {
        "length": [1.5, 2.5, 3.5, 4.5],
        "colour": ["red", "blue", "red", "green"],
        "striped": [True, False, True, True],
        "patient": [7, 7, 8, 9],
        "species": ["cat", "dog", "cat", "dog"],
    }
)


def csv(folder, text, name="table.csv"):
    path = folder / name
    path.write_text(text)
    return path


def problems(path, target="y", group=None):
    with pytest.raises(DataError) as caught:
        tables.read(path, target, group)
    return caught.value.problems


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet"])
def test_numbers_categories_and_truth_values(tmp_path, suffix):
    path = tmp_path / f"table.{suffix}"
    if suffix == "parquet":
        FRAME.to_parquet(path)
    else:
        FRAME.to_csv(path, index=False, sep={"csv": ",", "tsv": "\t"}[suffix])
    arrays = tables.read(path, "species", "patient")
    assert arrays.columns == ("length", "colour=blue", "colour=green", "colour=red", "striped")
    assert arrays.one_hot == (False, True, True, True, False)
    assert arrays.categories == {"colour": ("blue", "green", "red")}
    assert arrays.x.dtype == np.float32
    assert arrays.x.tolist()[:2] == [[1.5, 0, 0, 1, 1], [2.5, 1, 0, 0, 0]]
    assert arrays.y.tolist() == FRAME["species"].tolist() and arrays.y.dtype.kind == "U"
    assert arrays.groups.tolist() == [7, 7, 8, 9]


def test_categorical_columns_of_parquet(tmp_path):
    sizes = pd.Categorical(["s", "m", "s"], categories=["s", "m", "l"], ordered=True)
    frame = pd.DataFrame({"size": sizes, "y": sizes})
    frame.to_parquet(tmp_path / "t.parquet")
    arrays = tables.read(tmp_path / "t.parquet", "y")
    assert arrays.categories == {"size": ("m", "s")}
    assert arrays.y.tolist() == ["s", "m", "s"]


def test_nullable_columns_of_parquet(tmp_path):
    frame = pd.DataFrame({"n": pd.array([1, 2], "Int64"), "y": pd.array([True, False], "boolean")})
    frame.to_parquet(tmp_path / "t.parquet")
    arrays = tables.read(tmp_path / "t.parquet", "y")
    assert arrays.x.tolist() == [[1], [2]] and arrays.y.dtype == bool


def test_semicolons_separate_too(tmp_path):
    assert tables.read(csv(tmp_path, "a;b;y\n1;2;0\n3;4;1\n"), "y").columns == ("a", "b")


def test_one_word_target_column_of_numbers(tmp_path):
    arrays = tables.read(csv(tmp_path, "a,price\n1,2.5\n2,3.5\n"), "price")
    assert arrays.y.tolist() == [2.5, 3.5]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "table.csv, an empty file, expected a table with a header"),
        ("a,y\n", "table.csv without rows, expected at least one"),
        ("y\n1\n2\n", "table.csv with nothing but y, expected columns to learn from"),
        (
            "a,b,y\n1,2,0\n3,4,1,5\n",
            "ragged rows in table.csv (Expected 3 fields in line 3, saw 4),"
            " expected a header, and the same number of values in every row",
        ),
        (
            "a,b,y\n1,2,0\n3,1\n",
            "no value in table.csv, column y, row 2, expected a value in every row",
        ),
        (
            "a,b,y\n1,2,0\n,4,1\n,4,1\n",
            "no value in table.csv, column a, row 2 and 1 more, expected a value in every row",
        ),
        (
            "a,y\n1,0\ninf,1\n",
            "infinity in table.csv, column a, row 2, expected a value in every row",
        ),
        (
            "a,y\n1,0\n2,1\n?,1\n",
            '"?" in table.csv, column a, row 3, expected a number, as in most rows',
        ),
    ],
)
def test_refused_with_column_and_row(tmp_path, text, line):
    assert problems(csv(tmp_path, text)) == [f"[data] source: received {line}"]


def test_rows_all_longer_than_the_header_are_ragged(tmp_path):
    [line] = problems(csv(tmp_path, "a,y\n1,0,5\n2,1,5\n"))
    assert line.startswith("[data] source: received ragged rows in table.csv")


def test_every_incomplete_column_is_named_at_once(tmp_path):
    first, second = problems(csv(tmp_path, "a,b,y\n1,,0\n,4,1\n"))
    assert "column a, row 2" in first and "column b, row 1" in second


def test_target_and_group_must_be_columns(tmp_path):
    path = csv(tmp_path, "a,species\n1,cat\n2,dog\n")
    assert problems(path, "specis", "patient") == [
        '[data] target: received "specis", expected a column of table.csv: a, species;'
        ' did you mean "species"?',
        '[data] group: received "patient", expected a column of table.csv: a, species',
    ]
    assert problems(path, None) == [
        "[data] target: received nothing, expected a column of table.csv: a, species"
    ]


def test_names_of_people_are_no_categories(tmp_path):
    rows = "\n".join(f"person {i},{i % 2}" for i in range(1001))
    [line] = problems(csv(tmp_path, f"name,y\n{rows}\n"))
    assert line == (
        "[data] source: received 1001 different values in table.csv, column name,"
        " expected at most 1000 categories"
    )


def test_dates_are_refused(tmp_path):
    frame = pd.DataFrame({"day": pd.date_range("2026-01-01", periods=2), "y": [0, 1]})
    frame.to_parquet(tmp_path / "table.parquet")
    [line] = problems(tmp_path / "table.parquet")
    assert "datetime64" in line and "column day, expected numbers or text" in line


def test_not_a_parquet_file(tmp_path):
    [line] = problems(csv(tmp_path, "a,y\n1,2\n", "table.parquet"))
    assert "which is not a Parquet file" in line


def test_not_utf_8(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes("a,größe\n1,2\n".encode("latin-1"))
    assert "text in UTF-8" in problems(path)[0]
