"""The times of a table's rows, by which they are ordered: numbers, or seconds since 1970."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from studyhall.search.data.columns import features, fitting, numbers
from studyhall.search.data.columns.features import Column
from studyhall.search.data.columns.kinds import ColumnError, Inferred
from studyhall.search.data.errors import refusal
from studyhall.search.data.row_places import Place

if TYPE_CHECKING:
    import pandas as pd

KINDS = ("number", "date")  # of columns that rows can be ordered by
LATE = 1.5  # usual times between two rows from which one is missing between them

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


def of(column: pd.Series[Any], wanted: str, place: Place) -> Floats:
    """Return the times (N,) of rows.

    Args:
        column: orders the rows.
        wanted: its kind in `[data.columns]`, or "".
        place: of the rows, for messages.

    Raises:
        DataError: a value is missing, or is neither number nor date.
    """
    found = _kind(column, wanted, place)
    times: Floats = features.raw(Column(str(column.name), found.kind, form=found.form), column)
    bad = np.flatnonzero(~np.isfinite(times))
    if len(bad):
        more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        shown = features.words(column.iloc[bad[:1]])[0] or "no value"
        where = place.column(column.name, int(bad[0]))
        raise refusal("split_by", f"{shown} in {where}{more}", f"a {found.kind}")
    return times


def kind(column: pd.Series[Any], wanted: str, place: Place) -> str:
    """Return the column's kind as `[data.columns]` would have it, so that others are read alike.

    Args:
        column, wanted, place: as `of` takes them.

    Raises:
        DataError: it is neither number nor date.
    """
    found = _kind(column, wanted, place)
    if found.kind == "date" and found.form:
        return f"date:{found.form}"
    return found.form if found.form == numbers.DECIMAL_COMMA else found.kind


def _kind(column: pd.Series[Any], wanted: str, place: Place) -> Inferred:
    try:
        found = fitting.kind_of(column, wanted)
    except ColumnError as error:
        where = place.column(column.name, error.row)
        raise refusal("split_by", f"{error.received} in {where}", error.expected) from error
    if found.kind not in KINDS:
        received = f"{place.column(column.name)}, whose kind is {found.kind}"
        raise refusal("split_by", received, "a column of dates or numbers")
    return found


def of_places(groups: Numbers) -> Floats:
    """Return the place (N,) of each row in its group, from 0 to 1: all groups are split alike.

    Args:
        groups: (N,) number of each row's group; the rows of a group stand in order.
    """
    sizes = np.bincount(groups)
    by_group = np.argsort(groups, kind="stable")
    places = np.empty(len(groups))
    places[by_group] = np.arange(len(groups)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.asarray((places + 0.5) / sizes[groups], np.float64)


def twice(times: Floats, groups: Numbers) -> tuple[int, int] | None:
    """Return two rows of one group at the same time, if there are any."""
    in_order = np.lexsort((times, groups))
    same = np.flatnonzero((np.diff(times[in_order]) == 0) & (np.diff(groups[in_order]) == 0))
    if not len(same):
        return None
    first, second = sorted(in_order[same[0] : same[0] + 2].tolist())
    return first, second


def late(times: Floats, groups: Numbers) -> int:
    """Return how many rows come later after the one before, in their group, than is usual."""
    in_order = np.lexsort((times, groups))
    apart = np.diff(times[in_order])[np.diff(groups[in_order]) == 0]
    return int((apart > LATE * np.median(apart)).sum()) if len(apart) else 0
