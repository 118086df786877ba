"""Sources that are tables (.csv, .tsv, .parquet) with numeric and categorical columns."""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api import types

from studyhall.search.data import precision
from studyhall.search.data.arrays import Arrays
from studyhall.search.data.errors import DataError, problem, refusal, shortened
from studyhall.spaces import spelling

CATEGORIES = 1000  # a text column with more different values is not categorical
SEPARATORS = ",;\t|"


def read(path: Path, target: str | None, group: str | None = None) -> Arrays:
    """Read the columns of a table as numbers, with categorical columns one-hot encoded.

    Args:
        path: a file with one of the suffixes in `READERS`.
        target: name of the column to predict.
        group: name of the column with the group of each row; it is not a feature.

    Raises:
        DataError: the table is empty or ragged, lacks a column, or has missing values or columns
            of an unsuitable type. Messages count rows from 1, without the header.
    """
    table = READERS[path.suffix.lower()](path)
    table.columns = table.columns.map(str)
    _has(table, path, target, group)
    _complete(table, path)
    features = table.drop(columns=[name for name in (target, group) if name is not None])
    encoded, categories = _encoded(features, path)
    return Arrays(
        precision.numbers(encoded, lambda row, at: _place(path, row, encoded.columns[at][0])),
        _values(table[str(target)]),
        columns=tuple("=".join(filter(None, pair)) for pair in encoded.columns),
        one_hot=tuple(name in categories for name in encoded.columns.get_level_values(0)),
        categories=categories,
        groups=None if group is None else _values(table[group]),
    )


def _place(path: Path, row: int, name: str) -> str:
    return f"{path.name}, column {name}, row {row + 1}"


def _csv(path: Path) -> pd.DataFrame:
    expected = "a header, and the same number of values in every row"
    try:
        with path.open(encoding="utf-8") as file:
            header = file.readline()
        separator = max(SEPARATORS, key=header.count)  # the most frequent one in the header
        with warnings.catch_warnings():  # pandas only warns of rows with too many values
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(path, sep=separator, index_col=False)
    except pd.errors.EmptyDataError as error:
        raise refusal("source", f"{path.name}, an empty file", "a table with a header") from error
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        reason = str(error).strip().rsplit("C error: ")[-1]
        raise refusal("source", f"ragged rows in {path.name} ({reason})", expected) from error
    except UnicodeDecodeError as error:
        raise refusal("source", f"{path.name}, which is not UTF-8", "text in UTF-8") from error


def _parquet(path: Path) -> pd.DataFrame:
    import pyarrow

    try:
        return pd.read_parquet(path).reset_index(drop=True)
    except (pyarrow.ArrowException, OSError) as error:
        received = f"{path.name}, which is not a Parquet file"
        raise refusal("source", received, "a table written by to_parquet") from error


READERS: Mapping[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": _csv,
    ".tsv": _csv,
    ".parquet": _parquet,
}


def _has(table: pd.DataFrame, path: Path, target: str | None, group: str | None) -> None:
    """Refuse a table without rows, or without a column that the study file names."""
    problems = []
    for key, name in {"target": target, "group": group}.items():
        if name in table.columns or (key == "group" and name is None):
            continue
        guess = spelling.nearest(name or "", table.columns)
        meant = f'; did you mean "{guess}"?' if guess else ""
        received = "nothing" if name is None else f'"{name}"'
        columns = shortened(table.columns)
        problems.append(problem(key, received, f"a column of {path.name}: {columns}{meant}"))
    if table.empty:
        problems.append(problem("source", f"{path.name} without rows", "at least one"))
    elif not problems and set(table.columns) <= {target, group}:
        received = f"{path.name} with nothing but {shortened(table.columns)}"
        problems.append(problem("source", received, "columns to learn from"))
    if problems:
        raise DataError(problems)


def _complete(table: pd.DataFrame, path: Path) -> None:
    """Refuse missing and infinite values; the message names the first one of each column."""
    problems = []
    for name, column in table.items():
        bad = column.isna() | (column.isin([np.inf, -np.inf]))
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            value = "no value" if bad.iloc[row] and pd.isna(column.iloc[row]) else "infinity"
            more = f" and {bad.sum() - 1} more" if bad.sum() > 1 else ""
            received = f"{value} in {path.name}, column {name}, row {row + 1}{more}"
            problems.append(problem("source", received, "a value in every row"))
    if problems:
        raise DataError(problems)


def _encoded(table: pd.DataFrame, path: Path) -> tuple[pd.DataFrame, dict[str, tuple[str, ...]]]:
    """One-hot encode text columns; return columns (name, category) and each column's categories."""
    problems = [text for name in table if (text := _strange(table[name], path))]
    if problems:
        raise DataError(problems)
    frames = {
        name: pd.get_dummies(column.astype(str)) if _is_text(column) else column.to_frame("")
        for name, column in table.items()
    }
    categories = {
        str(name): tuple(map(str, frames[name])) for name in frames if _is_text(table[name])
    }
    return pd.concat(frames, axis=1), categories


def _is_text(column: "pd.Series[Any]") -> bool:
    return isinstance(column.dtype, pd.CategoricalDtype) or types.is_string_dtype(column)


def _strange(column: "pd.Series[Any]", path: Path) -> str:
    """Return the problem that makes a column unsuitable as a feature; "" if there is none."""
    place = f"{path.name}, column {column.name}"
    if not _is_text(column):
        known = types.is_bool_dtype(column) or types.is_numeric_dtype(column)
        return "" if known else problem("source", f"{column.dtype} in {place}", "numbers or text")
    numbers = pd.to_numeric(column.astype(str), errors="coerce")
    if 0.5 < numbers.notna().mean() < 1:  # most are numbers: a typing mistake, not a category
        row = int(np.flatnonzero(numbers.isna())[0])
        received = f'"{column.iloc[row]}" in {place}, row {row + 1}'
        return problem("source", received, "a number, as in most rows")
    if (count := column.nunique()) > CATEGORIES:
        received = f"{count} different values in {place}"
        return problem("source", received, f"at most {CATEGORIES} categories")
    return ""


def _values(column: "pd.Series[Any]") -> NDArray[Any]:
    """Return a column as NumPy array: text as `str`, categories as their values."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    if types.is_string_dtype(column):
        return column.to_numpy(str)
    return column.to_numpy()
