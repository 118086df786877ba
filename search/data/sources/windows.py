"""Series: the rows of a table in order, and samples that are windows over them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from studyhall.search.data.arrays import Arrays
from studyhall.search.data.columns import features
from studyhall.search.data.errors import refusal
from studyhall.search.data.row_places import Place
from studyhall.search.data.sources import row_times
from studyhall.spaces import spelling

if TYPE_CHECKING:
    import pandas as pd

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Series:
    """The windows over the rows of a table, as `[data]` has them.

    Attributes:
        windows: rows in each.
        horizon: rows from its last one to that whose target is predicted; 0 for windows alone.
        split_by: column of the times; None: the rows stand in order, those of each group at least.
        kind: its kind in `[data.columns]`, or "".
        group: column that tells which rows are of one series; None: all are.
    """

    windows: int
    horizon: int
    split_by: str | None = None
    kind: str = ""
    group: str | None = None


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows over the rows of a table.

    Attributes:
        rows: (samples, windows) row numbers from 0, in the order of time.
        targets: (samples,) row numbers of the targets.
        order: (samples, 2) times of the first row and of the target's.
        notes: sentences that the user should know of.
    """

    rows: Rows
    targets: Rows
    order: NDArray[np.float64]
    notes: tuple[str, ...] = ()


def over(series: Series, frame: pd.DataFrame, place: Place) -> Windows:
    """Return all windows over rows of one group that follow each other.

    Args:
        series: their form.
        frame: the rows.
        place: of the rows, for messages.

    Raises:
        DataError: times are missing, two rows of a series have the same one, or all series are
            shorter than a window.
    """
    groups = _groups(series, frame)
    times = row_times.of_places(groups)
    notes: tuple[str, ...] = ()
    if series.split_by is not None:
        times = row_times.of(frame[series.split_by], series.kind, place)
        _refuse_twice(series, times, groups, place)
        notes = _late(series, row_times.late(times, groups))
    found = _windows(series, times, groups)
    if not len(found.rows):
        one = "the table" if series.group is None else f"some {series.group}"
        rows = spelling.counted(series.windows + series.horizon, "row")
        ahead = f", of which {series.horizon} for the horizon" if series.horizon else ""
        received = f"{series.windows} for {place.name} of {spelling.counted(len(frame), 'row')}"
        raise refusal("windows", received, f"at least {rows} in {one}{ahead}")
    return replace(found, notes=notes)


def samples(rows: Arrays, found: Windows, target: pd.Series[Any]) -> Arrays:
    """Return the samples (N, windows, features) that have a target.

    Args:
        rows: the features of each row.
        found: the windows.
        target: the column to predict.

    Raises:
        DataError: there are none.
    """
    known = target.notna().to_numpy()[found.targets]
    lost, said = int((~known).sum()), f"no value in {target.name}, the target"
    if lost == len(known):
        raise refusal("windows", f"{lost} windows, all with {said}", "some with a target")
    left_out = [f"{lost} of {len(known)} windows left out: {said}"] if lost else []
    return replace(
        rows,
        x=rows.x[found.rows[known]],
        y=features.values(target.iloc[found.targets[known]]),
        groups=None,  # each is a series of its own, and all parts have some of it
        order=found.order[known],
        place=None,  # of rows, not of windows
        notes=(*rows.notes, *found.notes, *left_out),
    )


def _groups(series: Series, frame: pd.DataFrame) -> Rows:
    if series.group is None:
        return np.zeros(len(frame), np.int64)
    return np.unique(features.values(frame[series.group]), return_inverse=True)[1]


def _windows(series: Series, times: NDArray[np.float64], groups: Rows) -> Windows:
    in_order = np.lexsort((times, groups))
    span = series.windows - 1 + series.horizon
    starts = np.arange(max(0, len(times) - span))
    starts = starts[groups[in_order[starts]] == groups[in_order[starts + span]]]
    rows = in_order[starts[:, np.newaxis] + np.arange(series.windows)]
    targets = in_order[starts + span]
    return Windows(rows, targets, np.stack([times[in_order[starts]], times[targets]], axis=1))


def _refuse_twice(series: Series, times: NDArray[np.float64], groups: Rows, place: Place) -> None:
    """Refuse two rows of one series at the same time, which have no order."""
    found = row_times.twice(times, groups)
    if found is None:
        return
    received = f"the same {series.split_by} in {place.both(*found)}"
    several = f"in each {series.group}" if series.group else "or [data] group, for several series"
    raise refusal("split_by", received, f"one row for each, {several}")


def _late(series: Series, count: int) -> tuple[str, ...]:
    if not count:
        return ()
    rows = "1 row comes" if count == 1 else f"{count} rows come"
    return (f"{rows} later by {series.split_by} than usual: windows count rows, not time",)
