"""The kind of a column, inferred from its values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from studyhall.search.data.columns import dates, features, numbers
from studyhall.spaces import spelling

if TYPE_CHECKING:
    import pandas as pd

MOST_CATEGORIES = 200  # of a column; the rarest of more are one
WORDS = 3.0  # mean number of words from which many different texts are texts
MOSTLY = 0.5  # share of numbers from which the rest of a column are typing mistakes


class ColumnError(ValueError):
    """An error: a column can't be read, or in two ways.

    Attributes:
        received, expected: the parts of a message; `received` begins with a value of the column,
            or its type.
        row: the value's row, from 0; None for a type.
    """

    def __init__(self, received: str, expected: str, row: int | None = None) -> None:
        super().__init__(received)
        self.received, self.expected, self.row = received, expected, row


@dataclass(frozen=True)
class Inferred:
    """A kind, and the format of dates or "decimal comma"."""

    kind: features.Kind
    form: str = ""


def of(series: pd.Series[Any]) -> Inferred:
    """Return the kind that a column's values show.

    Raises:
        ColumnError: they can be read in two ways, are of no kind, or most but not all are numbers.
    """
    if not features.is_text(series):
        return Inferred(_of_type(series))
    some = series[~numbers.is_missing(series.astype(str))].astype(str)
    if some.empty:
        return Inferred("category")
    values = numbers.parsed(some, decimal_comma=numbers.style(some) == "decimal")
    share = float(np.mean(~np.isnan(values)))
    if share == 1:
        return Inferred("number", _commas(series, some))
    if np.isfinite(features.truths(some)).all():
        return Inferred("boolean")
    if formats := dates.formats_of(some):
        return Inferred("date", one_format(series, formats, some))
    if share > MOSTLY:
        key = key_of(series)
        expected = f'a number, as in most rows, or [data.columns] {key} = "category" or "drop"'
        raise at(series, str(some[np.isnan(values)].iloc[0]), expected)
    return Inferred("text" if _are_texts(some) else "category")


def one_format(series: pd.Series[Any], formats: list[str], some: pd.Series[Any]) -> str:
    """Return the format of a column's dates.

    Args:
        series: the column.
        formats: those that fit all its dates; at least one.
        some: the texts that are not missing.

    Raises:
        ColumnError: two formats give different dates.
    """
    first, *others = (dates.seconds(some, each) for each in formats)
    if all(np.array_equal(first, other) for other in others):
        return formats[0]
    listed = " or ".join(f'"date:{each}"' for each in formats)
    raise at(series, str(some.iloc[0]), f"[data.columns] {key_of(series)} = {listed}")


def at(series: pd.Series[Any], text: str, expected: str) -> ColumnError:
    """Return an error that names the first row in which a text stands."""
    row = int(np.flatnonzero((series.astype(str) == text).to_numpy(bool))[0])
    return ColumnError(f'"{text}"', expected, row)


def key_of(series: pd.Series[Any]) -> str:
    """Return a column's name as a TOML key."""
    name = str(series.name)
    bare = name.replace("_", "").replace("-", "")
    return name if bare.isascii() and bare.isalnum() else spelling.as_toml(name)


def _of_type(series: pd.Series[Any]) -> features.Kind:
    from pandas.api import types

    if types.is_datetime64_any_dtype(series):
        return "date"
    if types.is_bool_dtype(series):
        return "boolean"
    if types.is_numeric_dtype(series) and not types.is_complex_dtype(series):
        return "number"
    raise ColumnError(str(series.dtype), "numbers, text, dates or truth values")


def _commas(series: pd.Series[Any], some: pd.Series[Any]) -> str:
    """Return the form of a column of numbers: "" or "decimal comma"."""
    style = numbers.style(some)
    if style != "either":
        return "decimal comma" if style == "decimal" else ""
    text = str(some[some.str.contains(",", regex=False)].iloc[0])
    raise at(
        series,
        text,
        f'[data.columns] {key_of(series)} = "number" if it is {text.replace(",", "")},'
        f' "decimal comma" if it is {text.replace(",", ".")}',
    )


def _are_texts(some: pd.Series[Any]) -> bool:
    lengths = [len(text.split()) for text in some.iloc[:1000]]
    return some.nunique() > MOST_CATEGORIES and float(np.mean(lengths)) >= WORDS
