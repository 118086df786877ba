import numpy as np
import pandas as pd
import pytest

from studyhall.search.data.errors import DataError
from studyhall.search.data.sources import tables
from studyhall.search.data.sources.tables import Roles

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
        tables.read(path, Roles(target, group))
    return caught.value.problems


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet"])
def test_numbers_categories_and_truth_values(tmp_path, suffix):
    path = tmp_path / f"table.{suffix}"
    if suffix == "parquet":
        FRAME.to_parquet(path)
    else:
        FRAME.to_csv(path, index=False, sep={"csv": ",", "tsv": "\t"}[suffix])
    arrays = tables.read(path, Roles("species", "patient"))
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
    arrays = tables.read(tmp_path / "t.parquet", Roles("y"))
    assert arrays.categories == {"size": ("m", "s")}
    assert arrays.y.tolist() == ["s", "m", "s"]


def test_nullable_columns_of_parquet(tmp_path):
    frame = pd.DataFrame({"n": pd.array([1, 2], "Int64"), "y": pd.array([True, False], "boolean")})
    frame.to_parquet(tmp_path / "t.parquet")
    arrays = tables.read(tmp_path / "t.parquet", Roles("y"))
    assert arrays.x.tolist() == [[1], [2]] and arrays.y.dtype == bool


def test_semicolons_separate_too(tmp_path):
    assert tables.read(csv(tmp_path, "a;b;y\n1;2;0\n3;4;1\n"), Roles("y")).columns == ("a", "b")


def test_one_word_target_column_of_numbers(tmp_path):
    arrays = tables.read(csv(tmp_path, "a,price\n1,2.5\n2,3.5\n"), Roles("price"))
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
            "a,y\n1,0\ninf,1\n",
            "infinity in table.csv, column a, row 2, expected a number",
        ),
        (
            "a,y\n1,0\n2,1\n1 m,1\n",
            '"1 m" in table.csv, column a, row 3, expected a number, as in most rows,'
            ' or [data.columns] a = "category" or "drop"',
        ),
        (
            "when,y\n01/02/2024,0\n03/04/2024,1\n",
            '"01/02/2024" in table.csv, column when, row 1, expected [data.columns] when ='
            ' "date:%d/%m/%Y" or "date:%m/%d/%Y"',
        ),
        (
            'a,y\n"1,163",0\n"2,222",1\n',
            '"1,163" in table.csv, column a, row 1, expected [data.columns] a = "number" if it is'
            ' 1163, "decimal comma" if it is 1.163',
        ),
        (
            "a,y\n1180591620717411303424,0\n1180591620717411303425,1\n",
            "1180591620717411303424 (last digits lost in float64) in table.csv, column a, row 1,"
            ' expected numbers below 2**53, or [data.columns] a = "category" or "drop"',
        ),
        (
            "a,a,y\n1,2,0\n3,4,1\n".replace("a,a", "a , a"),
            "two columns called a in table.csv, expected a name of its own for each column",
        ),
        (
            "a,y\n1,0\n1,1\n",
            "table.csv with no column to learn from: column a: left out: it has one value only,"
            ' 1; [data.columns] a = "keep" keeps it, expected columns to learn from',
        ),
    ],
)
def test_refused_with_column_and_row(tmp_path, text, line):
    assert problems(csv(tmp_path, text)) == [f"[data] source: received {line}"]


@pytest.mark.parametrize("names", ["y,a,y", "a,b, b ,y", '"y.1",y,y', "y,x,x"])
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".csv.gz", ".xlsx"])
def test_two_columns_of_one_name_are_refused(tmp_path, names, suffix):
    header = [name.strip('" ') for name in names.split(",")]
    frame = pd.DataFrame([[1.5] * len(header), [2.5] * len(header)], columns=header)
    path = tmp_path / f"t{suffix}"
    if suffix == ".xlsx":
        frame.to_excel(path, index=False)
    else:
        frame.to_csv(path, index=False, sep="\t" if suffix == ".tsv" else ",")
    (twice,) = {name for name in header if header.count(name) > 1}
    wanted = f"two columns called {twice} in t{suffix}, expected a name of its own for each column"
    assert problems(path) == [f"[data] source: received {wanted}"]


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_names_that_pandas_makes_may_stand_in_a_file(tmp_path, suffix):
    frame = pd.DataFrame({"y": [1, 0, 1], "y.1": [1.5, 2.5, 1.0], "": [3, 4, 9]})
    path = tmp_path / f"t{suffix}"
    (frame.to_excel if suffix == ".xlsx" else frame.to_csv)(path, index=False)
    assert tables.read(path, Roles("y")).columns == ("y.1", "Unnamed: 2")


def test_rows_all_longer_than_the_header_are_ragged(tmp_path):
    [line] = problems(csv(tmp_path, "a,y\n1,0,5\n2,1,5\n"))
    assert line.startswith("[data] source: received ragged rows in table.csv")


def test_every_mistake_is_named_at_once(tmp_path):
    first, second = problems(csv(tmp_path, "a,b,y\n1,x,0\n2,3,1\nx,4,1\n"))
    assert '"x" in table.csv, column a, row 3' in first and "column b, row 1" in second


def test_missing_numbers_are_features(tmp_path):
    arrays = tables.read(csv(tmp_path, "a,y\n1,0\nn/a,1\n3,1\n"), Roles("y"))
    assert arrays.columns == ("a", "a missing") and arrays.one_hot == (False, True)
    assert np.array_equal(arrays.x, [[1, 0], [np.nan, 1], [3, 0]], equal_nan=True)
    assert arrays.notes == ("column a: no value in 1 row: the mean, and a feature that says so",)


def test_rows_without_a_target_are_left_out_and_counted(tmp_path):
    arrays = tables.read(csv(tmp_path, "a,y\n1,u\n2,\n3,v\n"), Roles("y"))
    assert arrays.x.tolist() == [[1], [3]] and arrays.y.tolist() == ["u", "v"]
    assert arrays.notes == ("1 row of 3 left out: no value in y, the target",)


def test_classes_that_differ_in_capitals_only(tmp_path):
    [line] = problems(csv(tmp_path, "a,y\n1,Yes\n2,yes \n3,no\n"))
    assert line == (
        "[data] target: received the classes Yes, yes in table.csv, column y,"
        " expected one spelling for each class"
    )


def test_spaces_at_the_ends_of_classes_are_none(tmp_path):
    arrays = tables.read(csv(tmp_path, "a, y\n1, yes\n2,yes \n3, no\n"), Roles("y"))
    assert arrays.y.tolist() == ["yes", "yes", "no"]


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


def test_a_column_of_kinds_must_be_there(tmp_path):
    path = csv(tmp_path, "age,y\n1,0\n2,1\n")
    with pytest.raises(DataError) as caught:
        tables.read(path, Roles("y", None, {"aeg": "number"}))
    assert caught.value.problems == [
        '[data] columns: received "aeg", expected a column of table.csv: age, y;'
        ' did you mean "age"?'
    ]


def test_not_a_parquet_file(tmp_path):
    [line] = problems(csv(tmp_path, "a,y\n1,2\n", "table.parquet"))
    assert "which is not a Parquet file" in line


def test_not_utf_8(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes("a,größe\n1,2\n".encode("latin-1"))
    assert "text in UTF-8" in problems(path)[0]
