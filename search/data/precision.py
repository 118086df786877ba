"""The choice between float32 and float64 for tables.

float32 is precise enough for most tables and takes half the memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studyhall.search.data.errors import refusal

LOST = 1e-5  # largest acceptable rounding error, as a share of a column's standard deviation
WHOLE = 2**53  # float64 represents every whole number up to here


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


def needs_float64(column: NDArray[Any]) -> bool:
    """Return True if float32 would lose information in a column (N,) of numbers; NaN is none."""
    values = column.astype(np.float64)
    values = values[~np.isnan(values)]
    if not len(values):
        return False
    with np.errstate(over="ignore", under="ignore"):
        short = values.astype(np.float32)
    if not np.isfinite(short).all():
        return True
    centre = values - values[0]
    size = np.abs(centre).max()  # divided out below, so that the squares don't overflow
    deviation = size * (centre / size).std() if size > 0 else 0.0
    return bool(np.abs(values - short).max() > LOST * deviation > 0)
