"""How many digits numbers need: float32 is enough for most tables, and takes half the memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from studyhall.search.data.errors import refusal

if TYPE_CHECKING:
    import pandas as pd

LOST = 1e-5  # of a column's deviation: what rounding may take of its values
WHOLE = 2**53  # beyond which float64 has not every whole number


def numbers(table: pd.DataFrame, place: Callable[[int, int], str]) -> NDArray[Any]:
    """Columns as float32, or all as float64 where float32 would lose what one of them tells.

    Args:
        table: columns of numbers.
        place: says where a value stands, by its row and column, for messages.

    Raises:
        DataError: whole numbers that float64 can't tell apart either.
    """
    columns = [table.iloc[:, number].to_numpy() for number in range(table.shape[1])]
    for number, column in enumerate(columns):
        check(column[:, np.newaxis], partial(_of_column, place, number))
    wide = any(_needs_float64(column) for column in columns if column.dtype.kind != "b")
    return table.to_numpy(np.float64 if wide else np.float32)


def _of_column(place: Callable[[int, int], str], number: int, row: int, _: int) -> str:
    return place(row, number)


def check(values: NDArray[Any], place: Callable[[int, int], str]) -> None:
    """Refuse whole numbers (N, columns) that float64 can't tell apart.

    Raises:
        DataError: there are some, and their column tells nothing but by such digits.
    """
    if values.dtype.kind not in "iu" or values.dtype.itemsize < 8:
        return
    rounded = values.astype(np.float64)
    if np.abs(rounded).max() < WHOLE:
        return
    lost = np.abs(values.astype(np.longdouble) - rounded.astype(np.longdouble))
    bad = np.argwhere(lost > LOST * rounded.std(axis=0))
    if len(bad):
        row, column = (int(each) for each in bad[0])
        received = f"{values[row, column]} in {place(row, column)}, whose last digits float64 loses"
        raise refusal("source", received, "numbers within 2**53, after subtracting the least one")


def _needs_float64(column: NDArray[Any]) -> bool:
    values = column.astype(np.float64)
    with np.errstate(over="ignore", under="ignore"):
        short = values.astype(np.float32)
    if not np.isfinite(short).all():
        return True
    centre = values - values[0]
    size = np.abs(centre).max()
    deviation = size * (centre / size).std() if size > 0 else 0.0
    return bool(np.abs(values - short).max() > LOST * deviation > 0)
