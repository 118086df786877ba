"""The columns of a table: what each holds, and the numbers that a model gets of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from studyhall.search.data.columns import dates, numbers
from studyhall.search.data.words import split as split_text

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["number", "boolean", "category", "date", "text"]
NO_VALUE = ""  # of a category
OTHER = "(other)"  # the bucket of values that are rare or not known
TRUE, FALSE = ("true", "t", "1", "1.0", "yes", "y"), ("false", "f", "0", "0.0", "no", "n")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Column:
    """A column that models learn from.

    Attributes:
        name: as in the table.
        kind: number, boolean, category, date or text.
        values: categories, or words of texts, in the order of their 0/1 features.
        other: rare and unknown categories have a feature of their own.
        gaps: values may be missing, and a feature says where.
        hours: dates have a time of day.
        form: format of dates, or how commas are meant, "decimal comma" or "thousands"; empty if the
            column has a type of its own, or no commas.
        unit: per cent sign or currency of all its numbers.
    """

    name: str
    kind: Kind
    values: tuple[str, ...] = ()
    other: bool = False
    gaps: bool = False
    hours: bool = False
    form: str = ""
    unit: str = ""

    @property
    def features(self) -> tuple[tuple[str, str], ...]:
        """Names of the numbers that models get, as pairs of the column's name and the rest."""
        missing = ("missing",) if self.gaps else ()
        if self.kind in ("category", "text"):
            listed = tuple(value or "(no value)" for value in self.values)
            rest = (*((OTHER,) if self.other else ()), *listed)
        elif self.kind == "date":
            rest = (*dates.names(self.hours), *missing)
        else:
            rest = ("", *missing)
        return tuple((self.name, each) for each in rest)

    @property
    def flags(self) -> tuple[bool, ...]:
        """True for each feature that is 0 or 1 and stays so."""
        if self.kind in ("category", "text"):
            return (True,) * len(self.features)
        return tuple(rest == "missing" for _, rest in self.features)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON."""
        return asdict(self)


def from_dict(stored: Mapping[str, Any]) -> Column:
    """Return the column that `Column.to_dict` described."""
    return Column(**{**stored, "values": tuple(stored["values"])})


def raw(column: Column, series: pd.Series[Any]) -> NDArray[Any]:
    """Return a column (N,) as an exported model takes it.

    Numbers, booleans (0, 1) and dates (Unix time in seconds) are float64, NaN where a value is
    missing or is none; categories and texts are `str`, "" where one is missing.
    """
    if column.kind in ("category", "text"):
        return words(series)
    if column.kind == "date":
        return _times(series, column.form)
    if column.kind == "boolean":
        return truths(series)
    return measured(series, column.form)


def encoded(column: Column, values: NDArray[Any]) -> list[NDArray[Any]]:
    """Return the numbers (N,) that models get of `raw` values: one array for each feature.

    They are float64; 0 and 1 of categories and words float32.
    """
    if column.kind == "category":
        return [*_one_hot(column, values)]
    if column.kind == "text":
        return [*_multi_hot(column, values)]
    return [np.asarray(each, np.float64) for each in encoded_numbers(column, values)]


def encoded_numbers(column: Column, values: Any, ops: Any = np) -> list[Any]:
    """Return what `encoded` does of numbers, booleans or dates, by NumPy or in a Keras model.

    Args:
        column: of these kinds.
        values: (N,) or (N, 1) `raw` values.
        ops: `numpy` or `keras.ops`.
    """
    known = dates.encoded(values, column.hours, ops) if column.kind == "date" else [values]
    return [*known, ops.isnan(values)] if column.gaps else known


def strange(series: pd.Series[Any], values: Floats) -> NDArray[np.bool_]:
    """Return True for each of a column's `raw` numbers that is neither missing nor finite."""
    bad = np.isinf(values)
    if is_text(series):
        bad |= np.isnan(values) & ~numbers.is_missing(series.astype(str))
    return bad


def words(series: pd.Series[Any]) -> NDArray[Any]:
    """Return texts (N,), without spaces at their ends."""
    return _by_value(series, _stripped)


def measured(series: pd.Series[Any], form: str = "") -> Floats:
    """Return numbers (N,) as float64."""
    if is_text(series):
        return _by_value(series, lambda texts: numbers.parsed(texts, form))
    return series.to_numpy(np.float64, na_value=np.nan)


def truths(series: pd.Series[Any]) -> Floats:
    """Return 1 for true, 0 for false, NaN for anything else: (N,)."""
    if not is_text(series):
        return series.to_numpy(np.float64, na_value=np.nan)
    return _by_value(series, _truths)


def _truths(texts: pd.Series[Any]) -> Floats:
    lower = texts.astype(str).str.strip().str.lower()
    return np.select([lower.isin(TRUE), lower.isin(FALSE)], [1.0, 0.0], np.nan)


def _stripped(series: pd.Series[Any]) -> NDArray[Any]:
    known = series.astype(object).where(series.notna(), NO_VALUE)
    return np.asarray(known.astype(str).str.strip(), dtype=object)


def _by_value(
    series: pd.Series[Any], read: Callable[[pd.Series[Any]], NDArray[Any]]
) -> NDArray[Any]:
    """Read each different value once, as many columns have few; return what each row has: (N,)."""
    import pandas as pd

    places, different = pd.factorize(series, use_na_sentinel=False)
    return read(pd.Series(different, name=series.name))[places]


def split_words(text: str) -> set[str]:
    """Return the words of a text, in small letters, without punctuation, as Keras splits them."""
    return {word.decode() for word in split_text(text)}


def is_text(series: pd.Series[Any]) -> bool:
    """Return True for strings, and for categories and objects, which are read as strings."""
    import pandas as pd
    from pandas.api import types

    if isinstance(series.dtype, pd.CategoricalDtype):
        return True
    return types.is_string_dtype(series) or types.is_object_dtype(series)


def values(column: pd.Series[Any]) -> NDArray[Any]:
    """Return targets or groups (N,): text without spaces at its ends; categories as values."""
    import pandas as pd
    from pandas.api import types

    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    if types.is_string_dtype(column) or types.is_object_dtype(column):
        return column.astype(str).str.strip().to_numpy(str)
    return column.to_numpy()


def _times(series: pd.Series[Any], form: str) -> Floats:
    if not is_text(series):
        return dates.of_times(series)
    return _by_value(series.astype(str), lambda texts: dates.seconds(texts, form))


def _one_hot(column: Column, values: NDArray[Any]) -> Iterator[NDArray[Any]]:
    import pandas as pd

    numbers_of = {value: number for number, value in enumerate(column.values)}
    places, different = pd.factorize(values, use_na_sentinel=False)
    found = np.array([numbers_of.get(value, -1) for value in different], np.int64)[places]
    if column.other:
        yield (found < 0).astype(np.float32)
    for number in range(len(column.values)):
        yield (found == number).astype(np.float32)


def _multi_hot(column: Column, values: NDArray[Any]) -> Iterator[NDArray[Any]]:
    found = [split_words(text) for text in values]
    if column.other:
        known = {*column.values}
        yield np.array([not words <= known for words in found], np.float32)
    for each in column.values:
        yield np.array([each in words for words in found], np.float32)


def feature_names(columns: Sequence[Column]) -> tuple[str, ...]:
    """Return the names of all features: `colour=red`, `joined month sin`, `age`."""
    sign = {"category": "=", "text": "="}
    return tuple(
        name + (sign.get(column.kind, " ") + rest if rest else "")
        for column in columns
        for name, rest in column.features
    )
