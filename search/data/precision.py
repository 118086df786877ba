"""The choice between float32 and float64 for tables.

float32 is precise enough for most tables and takes half the memory.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from studyhall.search.data.errors import refusal

if TYPE_CHECKING:
    import pandas as pd

LOST = 1e-5  # largest acceptable rounding error, as a share of a column's standard deviation
WHOLE = 2**53  # float64 represents every whole number up to here


def numbers(table: pd.DataFrame, place: Callable[[int, int], str]) -> NDArray[Any]:
    """Convert columns to float32, or all to float64 if float32 would lose information in one.

    Args:
        table: columns of numbers.
        place: describes the place of a value, given its row and column, for messages.

    Raises:
        DataError: float64 would lose information too; see `check`.
    """
    columns = [table.iloc[:, number].to_numpy() for number in range(table.shape[1])]
    for number, column in enumerate(columns):
        check(column[:, np.newaxis], partial(_of_column, place, number))
    wide = any(_needs_float64(column) for column in columns if column.dtype.kind != "b")
    return table.to_numpy(np.float64 if wide else np.float32)


def _of_column(place: Callable[[int, int], str], number: int, row: int, _: int) -> str:
    return place(row, number)


def check(values: NDArray[Any], place: Callable[[int, int], str]) -> None:
    """Refuse 64-bit whole numbers (N, columns) whose differences would be lost in float64.

    Raises:
        DataError: in some column rounding is not negligible compared to the standard deviation.
    """
    if values.dtype.kind not in "iu" or values.dtype.itemsize < 8:
        return
    rounded = values.astype(np.float64)
    if np.abs(rounded).max() < WHOLE:
        return
    # In long double, whose 64-bit mantissa (x86) holds every 64-bit integer.
    lost = np.abs(values.astype(np.longdouble) - rounded.astype(np.longdouble))
    bad = np.argwhere(lost > LOST * rounded.std(axis=0))
    if len(bad):
        row, column = (int(each) for each in bad[0])
        received = f"{values[row, column]} in {place(row, column)}, whose last digits float64 loses"
        raise refusal("source", received, "numbers below 2**53: subtract the smallest, for example")


def _needs_float64(column: NDArray[Any]) -> bool:
    values = column.astype(np.float64)
    with np.errstate(over="ignore", under="ignore"):
        short = values.astype(np.float32)
    if not np.isfinite(short).all():
        return True
    centre = values - values[0]
    size = np.abs(centre).max()  # divided out below, so that the squares don't overflow
    deviation = size * (centre / size).std() if size > 0 else 0.0
    return bool(np.abs(values - short).max() > LOST * deviation > 0)
