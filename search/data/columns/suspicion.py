"""Columns that tell nothing of the target, or too much: they are left out unless asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from studyhall.search.data.columns import features
from studyhall.search.data.columns.kinds import WORDS

if TYPE_CHECKING:
    import pandas as pd

IDENTIFIES = 0.9  # share of different values from which words identify rows
FEWEST = 20  # rows from which that is told
NAMELESS = "Unnamed:"  # as pandas calls columns without a name


def of(series: pd.Series[Any], target: pd.Series[Any] | None) -> str:
    """Return why a column is better left out; "" if it may serve.

    Args:
        series: the column.
        target: the column to predict.
    """
    if series.nunique(dropna=False) == 1:
        value = features.words(series.iloc[:1])[0]
        return f"it has one value only, {value}" if value else "it has no values"
    if target is not None and _is_copy(series, target):
        return f"it is a copy of the target, {target.name}"
    if _is_running(series):
        name = str(series.name)
        nameless = name.startswith(NAMELESS) or not name
        return "it numbers the rows" + (", and has no name" if nameless else "")
    return ""


def of_words(series: pd.Series[Any]) -> str:
    """Return why a column of words is better left out: it identifies rows; "" if it may serve."""
    rows, different = len(series), series.nunique()
    short = np.mean([len(str(text).split()) for text in series.iloc[:1000]]) < WORDS
    if rows < FEWEST or different <= IDENTIFIES * rows or not short:
        return ""
    return f"its {different} different values in {rows} rows identify rows"


def _is_copy(series: pd.Series[Any], target: pd.Series[Any]) -> bool:
    """Return True if a column has the target's values, as words or as numbers."""
    few = slice(FEWEST)  # which differ in nearly every column
    return (
        len(target) >= FEWEST
        and _are_equal(series.iloc[few], target.iloc[few])
        and _are_equal(series, target)
    )


def _are_equal(series: pd.Series[Any], target: pd.Series[Any]) -> bool:
    from pandas.api import types

    if np.array_equal(features.words(series), features.words(target)):
        return True
    if not (types.is_numeric_dtype(series) and types.is_numeric_dtype(target)):
        return False
    return bool(np.array_equal(features.measured(series), features.measured(target)))


def _is_running(series: pd.Series[Any]) -> bool:
    """Return True for whole numbers that go up by one from row to row, from 0 or 1."""
    from pandas.api import types

    if not types.is_integer_dtype(series) or len(series) < FEWEST or series.isna().any():
        return False
    values = series.to_numpy(np.int64)
    return bool(values[0] in (0, 1) and (np.diff(values) == 1).all())
