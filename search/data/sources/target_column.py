"""The column of a table to predict: its values, read as those of any other column are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from studyhall.search.data.columns import dates, features, fitting, kinds, numbers
from studyhall.search.data.columns.fitting import Fitted
from studyhall.search.data.errors import DataError, refusal, shortened
from studyhall.search.data.row_places import Place
from studyhall.spaces import spelling

if TYPE_CHECKING:
    import pandas as pd

WORDS = ("category", "text")  # kinds whose values are classes as they stand
NONE = ("date", "drop")  # kinds that no target can have


@dataclass(frozen=True, eq=False)
class Target:
    """The values of a target.

    Attributes:
        values: (N,) numbers, truth values or text; missing where a row has no value.
        notes: sentences on what was not read as it stands.
    """

    values: pd.Series[Any]
    notes: tuple[str, ...] = ()

    @property
    def missing(self) -> NDArray[np.bool_]:
        """True for each row (N,) that has no value."""
        return self.values.isna().to_numpy(bool)


def read(series: pd.Series[Any], wanted: str, task: str, place: Place) -> Target:
    """Read a target, by what it seems to be or by what `[data.columns]` says.

    Numbers in text, such as `1,3`, `12 €` or `7 %`, are numbers; what stands there for a missing
    number is missing. Classes stay as they are written.

    Args:
        series: the column, as it stands in the table.
        wanted: its kind in `[data.columns]`; "" if that says nothing of it.
        task: `[data] task`.
        place: of the rows, for messages.

    Raises:
        DataError: a value is not what the others are, can be read in two ways, or is no number
            where the task or the kind asks for one.
    """
    kind = "" if wanted == "keep" else wanted.partition(":")[0]
    if kind in NONE:
        received = f'{kinds.key_of(series)} = "{wanted}" for the target'
        raise refusal("columns", received, '"number", "decimal comma", "boolean" or "category"')
    series = _without_categories(series)
    if kind in WORDS:
        return Target(_texts(series, series.isna().to_numpy(bool)))
    if not features.is_text(series):
        return _of_type(series, kind, place)
    return _of_text(series, kind, task, place)


def _without_categories(series: pd.Series[Any]) -> pd.Series[Any]:
    """Return the values of a column of pandas' categories."""
    import pandas as pd

    if isinstance(series.dtype, pd.CategoricalDtype):
        return series.astype(series.cat.categories.dtype)
    return series


def _texts(series: pd.Series[Any], missing: NDArray[np.bool_]) -> pd.Series[Any]:
    """Return values as text, without spaces at their ends; none where they are missing."""
    import pandas as pd

    return pd.Series(features.words(series), series.index, object, series.name).mask(missing, None)


def _of_type(series: pd.Series[Any], kind: str, place: Place) -> Target:
    """Read a column that has a type of its own."""
    from pandas.api import types

    key = kinds.key_of(series)
    if not types.is_numeric_dtype(series) or types.is_complex_dtype(series):  # True for booleans
        received = f"{series.dtype} in {place.column(series.name)}, the target"
        raise refusal("target", received, f'numbers, or [data.columns] {key} = "category"')
    other = np.flatnonzero((~series.isin((0, 1)) & series.notna()).to_numpy(bool))
    if kind == "boolean" and len(other):
        received = f"{series.iloc[other[0]]} in {place.column(series.name, other[0])}"
        raise refusal("target", received, f'true or false, or another kind than {key} = "boolean"')
    return Target(series)


def _of_text(series: pd.Series[Any], kind: str, task: str, place: Place) -> Target:
    """Read a column of text: numbers, or classes."""
    empty = series.isna().to_numpy(bool)
    missing = numbers.is_missing(series.astype(str)) | empty
    known, where = series[~missing], place.taken(~missing)
    said = _missing_words(series, missing & ~empty)
    if not kind and task != "regression" and dates.formats_of(known.astype(str)):
        # Months and days may be classes; a time is nothing to predict.
        how = f"column {series.name}: dates, read as classes"
        return Target(_texts(series, missing), (how, *said))
    found = _found(known, kind, task, where)
    if found is None or (column := found.columns[0]).kind not in ("number", "boolean"):
        return Target(_texts(series, empty), _odd_classes(series, missing & ~empty))
    if column.kind == "boolean":
        return Target(_booleans(series, missing) if kind else _texts(series, missing), said)
    if not kind and task == "classification" and not numbers.is_plain(known.astype(str)).all():
        return Target(_texts(series, missing), said)
    values = features.measured(series, column.form)
    return Target(_like(series, np.where(missing, np.nan, values)), (*found.notes, *said))


def _found(known: pd.Series[Any], kind: str, task: str, where: Place) -> Fitted | None:
    """Return the one column that the values are of; None for classes that nothing else can be."""
    name = str(known.name)
    if known.empty:
        return None
    found = fitting.fitted(known.to_frame(), where, {name: kind or "keep"})
    if task == "classification" and not kind and found.problems:
        return None
    if task == "regression" and not found.problems and found.columns[0].kind != "number":
        found = fitting.fitted(known.to_frame(), where, {name: "number"})
    if found.problems:
        # A target can't be left out, as another column can.
        raise DataError(text.replace(' or "drop"', "") for text in found.problems)
    return found


def _like(series: pd.Series[Any], values: Any) -> pd.Series[Any]:
    import pandas as pd

    return pd.Series(values, series.index, name=series.name)


def _booleans(series: pd.Series[Any], missing: NDArray[np.bool_]) -> pd.Series[Any]:
    """Return the names of truth values, however they are written."""
    names = np.where(features.truths(series) == 1, "True", "False").astype(object)
    return _like(series, names).mask(missing, None)


def _missing_words(series: pd.Series[Any], rows: NDArray[np.bool_]) -> tuple[str, ...]:
    """Say which words are read as no value."""
    return tuple(
        f"column {series.name}: {found} read as no value" for found in _quoted(series, rows)
    )


def _odd_classes(series: pd.Series[Any], rows: NDArray[np.bool_]) -> tuple[str, ...]:
    """Say that words are classes which elsewhere stand for no value."""
    return tuple(
        f"column {series.name}: {found} read as classes; leave the fields empty if they mean none"
        for found in _quoted(series, rows)
    )


def _quoted(series: pd.Series[Any], rows: NDArray[np.bool_]) -> Sequence[str]:
    """Return `"NA", "?" in 3 rows`, if there are such rows."""
    words = dict.fromkeys(f'"{text}"' for text in series[rows].astype(str).str.strip())
    count = spelling.counted(int(rows.sum()), "row")
    return [f"{shortened(words, 5)} in {count}"] if words else []
