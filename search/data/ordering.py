"""Splits in an order, such as that of dates: its values as numbers, and the parts cut from it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from studyhall.search.data.errors import refusal

EXPECTED = "numbers, or dates as 2026-11-27 or 2026-11-27T18:30"


def numbers(values: NDArray[Any], place: str) -> NDArray[Any]:
    """Return numbers in the order of the values; equal ones for equal values.

    Args:
        values: (N,) numbers, dates, or texts that hold dates in the form of ISO 8601.
        place: where they are from, for messages; rows are counted from 0, as NumPy does.

    Raises:
        DataError: a value is missing, or is neither a number nor a date.
    """
    if values.dtype.kind in "US":
        values = _dates(values, place)
    if values.dtype.kind not in "biufM":
        raise refusal("split_by", f"{values.dtype} in {place}", EXPECTED)
    missing = np.flatnonzero(np.isnat(values) if values.dtype.kind == "M" else np.isnan(values))
    if len(missing):
        raise refusal("split_by", f"no value in {place}, row {missing[0]}", "a value in every row")
    return values.astype(np.int64) if values.dtype.kind == "M" else values


def divide(order: NDArray[Any], sizes: dict[str, int]) -> dict[str, NDArray[np.int64]]:
    """Cut samples in their order into parts; equal ones are never parted.

    Args:
        order: (N,) numbers.
        sizes: wanted number of samples of each part.

    Raises:
        DataError: so many are equal that a part is left empty.
    """
    rows = np.argsort(order, kind="stable")
    changes = np.flatnonzero(order[rows][1:] != order[rows][:-1]) + 1
    wanted = np.cumsum(list(sizes.values()))[:-1]
    cuts = [int(changes[np.abs(changes - at).argmin()]) for at in wanted if len(changes)]
    if len(cuts) < len(wanted) or len({*cuts}) < len(cuts):
        received = f"{len(changes) + 1} different values for {len(sizes)} parts of these sizes"
        raise refusal("split_by", received, "more values, or other fractions in split")
    return dict(zip(sizes, np.split(rows, cuts), strict=True))


def _dates(texts: NDArray[Any], place: str) -> NDArray[Any]:
    known, places = np.unique(texts, return_inverse=True)
    try:
        return known.astype("datetime64[us]")[places.reshape(-1)]
    except ValueError as error:
        bad = next(row for row, text in enumerate(texts) if not _is_date(text))
        raise refusal("split_by", f'"{texts[bad]}" in {place}, row {bad}', EXPECTED) from error


def _is_date(text: Any) -> bool:
    try:
        np.array([text]).astype("datetime64[us]")
    except ValueError:
        return False
    return True
