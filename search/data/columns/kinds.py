"""The kind of a column, inferred from its values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from studyhall.search.data.columns import dates, features, numbers
from studyhall.spaces import spelling

if TYPE_CHECKING:
    import pandas as pd

MOST_CATEGORIES = 200  # of a column; the rarest of more are one
WORDS = 3.0  # mean number of words from which many different texts are texts
EXPECTED = "numbers, text, dates or truth values"
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
    """A kind, and the format of dates, or how the commas of numbers are meant."""

    kind: features.Kind
    form: str = ""


def of(series: pd.Series[Any]) -> Inferred:
    """Return the kind that a column's values show.

    Raises:
        ColumnError: they can be read in two ways, are of no kind, or most but not all are numbers.
    """
    if not features.is_text(series):
        return Inferred(of_type(series))
    rows = series.astype(str)
    some, counts = _different(rows)
    if some.empty:
        return Inferred("category")
    style = numbers.style(some)
    values = numbers.parsed(some, numbers.THOUSANDS if style == "either" else style)
    share = float(np.average(~np.isnan(values), weights=counts))
    if not np.isnan(values).any():
        _check_units(series, some)
        return Inferred("number", _commas(series, some, style))
    if np.isfinite(features.truths(some)).all():
        return Inferred("boolean")
    if formats := dates.formats_of(some):
        return Inferred("date", one_format(series, formats, some))
    if share > MOSTLY:
        key = key_of(series)
        expected = f'a number, as in most rows, or [data.columns] {key} = "category" or "drop"'
        raise at(series, str(some[np.isnan(values)].iloc[0]), expected)
    _check_dates(series, some, counts)
    return Inferred("text" if _are_texts(rows, len(some)) else "category")


def _different(texts: pd.Series[Any]) -> tuple[pd.Series[Any], NDArray[np.int64]]:
    """Return each different text, in the order in which they appear, and how often; none missing.

    What a column holds is told by its different values, of which many columns have few.
    """
    import pandas as pd

    places, found = pd.factorize(texts, use_na_sentinel=False)
    different = pd.Series(found, name=texts.name)
    known = ~numbers.is_missing(different)
    counts = np.bincount(places, minlength=len(different))
    return different[known].astype(str).reset_index(drop=True), counts[known]


def _check_dates(series: pd.Series[Any], some: pd.Series[Any], counts: NDArray[np.int64]) -> None:
    """Refuse a column of which most values, but not all, are dates of one format."""
    form, fits = dates.most_common_format(some)
    if form and np.average(fits, weights=counts) > MOSTLY:
        expected = f"a date like {form}, as in most rows, or [data.columns] {key_of(series)} ="
        raise at(series, str(some[~fits].iloc[0]), f'{expected} "category" or "drop"')


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


def of_type(series: pd.Series[Any]) -> features.Kind:
    """Return the kind of a column that is no text, by the type of its values.

    Raises:
        ColumnError: it is of no kind, such as lists.
    """
    from pandas.api import types

    if types.is_datetime64_any_dtype(series):
        return "date"
    if types.is_bool_dtype(series):
        return "boolean"
    if types.is_numeric_dtype(series) and not types.is_complex_dtype(series):
        return "number"
    raise ColumnError(str(series.dtype), EXPECTED)


def no_values(series: pd.Series[Any]) -> str:
    """Return the type of a column of lists, structures or bytes; "" for any other column."""
    kind = getattr(series.dtype, "pyarrow_dtype", None)
    return "" if kind is None or not is_foreign(kind) else str(kind)


def is_foreign(kind: Any) -> bool:
    """Return True for a type of Arrow whose values are lists, structures or bytes."""
    from pyarrow import types

    bytes_of = (types.is_binary, types.is_large_binary, types.is_fixed_size_binary)
    return any(each(kind) for each in (types.is_nested, *bytes_of))


def _commas(series: pd.Series[Any], some: pd.Series[Any], style: str) -> str:
    """Return the form of a column of numbers: how its commas are meant."""
    if style != "either":
        return style
    separated = some.str.contains(",", regex=False)
    sign = "," if separated.any() else "."
    text = str(some[separated if sign == "," else some.str.contains(".", regex=False)].iloc[0])
    whole, fraction = text.replace(sign, ""), text.replace(sign, ".")
    number, comma = (whole, fraction) if sign == "," else (fraction, whole)
    raise at(
        series,
        text,
        f'[data.columns] {key_of(series)} = "number" if it is {number}, "decimal comma" if it is'
        f" {comma}",
    )


def _check_units(series: pd.Series[Any], some: pd.Series[Any]) -> None:
    """Refuse several currencies in a column, and per cents beside numbers that are none."""
    units = numbers.units(some)
    if numbers.is_mixed(units):
        other = some[units != units.iloc[0]].iloc[0]
        raise at(
            series,
            str(other),
            f'the unit of "{some.iloc[0]}", or [data.columns] {key_of(series)} = "number" if all'
            ' are one, "category" or "drop"',
        )


def _are_texts(rows: pd.Series[Any], different: int) -> bool:
    if different <= MOST_CATEGORIES:
        return False
    known = rows[~numbers.is_missing(rows)]
    return float(np.mean([len(text.split()) for text in known.iloc[:1000]])) >= WORDS
