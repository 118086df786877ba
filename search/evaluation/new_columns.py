"""The columns of new rows: what can't be predicted, and what was not seen in training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from studyhall.search.data.columns import features, kinds, numbers
from studyhall.search.data.columns.features import Column
from studyhall.search.data.errors import shortened
from studyhall.search.data.row_places import Place
from studyhall.spaces import spelling

if TYPE_CHECKING:
    import pandas as pd


def problems(frame: pd.DataFrame, column: Column, path: Path, place: Place) -> list[str]:
    """Return a problem if values are neither missing nor of the column's kind."""
    series = frame[column.name]
    if found := _other_type(series, column):
        return [
            f"{path}: received {found} in {place.column(column.name)}, expected a {column.kind}"
        ]
    if column.kind in ("category", "text"):
        return []
    bad = features.strange(series, features.raw(column, series))
    if not bad.any():
        return _other_unit(frame, column, path, place)
    row = int(np.flatnonzero(bad)[0])
    more = f" and {bad.sum() - 1} more" if bad.sum() > 1 else ""
    where = f"{place.column(column.name, row)}{more}"
    form = f" ({column.form})" if column.form else ""
    return [f"{path}: received {series.iloc[row]} in {where}, expected a {column.kind}{form}"]


def _other_type(series: pd.Series[Any], column: Column) -> str:
    """Return the type of a column that can't be of the kind that the training's was; else ""."""
    if foreign := kinds.no_values(series):
        return foreign
    free = column.kind in ("category", "text") or not series.notna().any()
    if free or features.is_text(series):
        return ""
    try:
        found = kinds.of_type(series)
    except kinds.ColumnError as error:
        return error.received
    return str(series.dtype) if "date" in {found, column.kind} and found != column.kind else ""


def _other_unit(frame: pd.DataFrame, column: Column, path: Path, place: Place) -> list[str]:
    """Return a problem if numbers have another unit than the training's: 0.43 for 43 %."""
    series = frame[column.name]
    if column.kind != "number" or not features.is_text(series):
        return []
    known = ~numbers.is_missing(series.astype(str))
    units = numbers.units(series.astype(str)[known])
    other = units != column.unit if column.unit == "%" else ~units.isin(["", column.unit])
    if not other.any():
        return []
    row = int(np.flatnonzero(known)[np.flatnonzero(other)[0]])
    unit = f"in {column.unit}" if column.unit else "without a unit"
    where = place.column(column.name, row)
    return [f"{path}: received {series.iloc[row]} in {where}, expected a number {unit}"]


def remarks(frame: pd.DataFrame, column: Column) -> list[str]:
    """Return a remark on values that training has not seen."""
    series = frame[column.name]
    if column.kind == "category":
        values = features.words(series)
        new = ~np.isin(values, list(column.values))
        if not new.any() or column.other:
            return []
        seen = shortened((each or "(no value)" for each in sorted({*values[new]})), 3)
        rows = spelling.counted(int(new.sum()), "row")
        return [f"column {column.name}: {rows} with values not seen in training: {seen}"]
    if column.kind == "text" or column.gaps:
        return []
    missing = np.isnan(features.raw(column, series))
    rows = spelling.counted(int(missing.sum()), "row")
    said = f"column {column.name}: no value in {rows}, as in none of training: the mean"
    return [said] if missing.any() else []
