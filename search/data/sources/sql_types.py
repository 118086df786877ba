"""The types of a column that a database gives: its values are Python's, and may be missing."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    import pandas as pd

WHOLE = 2**63  # whole numbers below it have 64 bits
NUMBERS = (int, float, Decimal)
DATES = (datetime.date, datetime.datetime)
WORDS = (str, UUID, datetime.time)


def column(values: Sequence[Any]) -> pd.Series[Any]:
    """Return values as a column of their type: whole numbers stay whole, also beside missing ones.

    Raises:
        ValueError: a value is of another type; the message names it.
    """
    import pandas as pd

    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return pd.Series([math.nan] * len(values))
    if strange := [each for each in kinds if not issubclass(each, NUMBERS + DATES + WORDS)]:
        raise ValueError(f"values of type {strange[0].__name__}")
    if kinds == {bool}:
        return _narrowed(pd.Series(values, dtype="boolean"), bool)
    if all(issubclass(each, NUMBERS) and each is not bool for each in kinds):
        return _numbers(values)
    if all(issubclass(each, DATES) for each in kinds):
        return _dates(values)
    return pd.Series([None if value is None else str(value) for value in values], dtype=object)


def _numbers(values: Sequence[Any]) -> pd.Series[Any]:
    import pandas as pd

    known = [value for value in values if value is not None]
    if any(isinstance(value, float) for value in known) or not all(map(_is_whole, known)):
        return pd.Series([math.nan if value is None else float(value) for value in values])
    whole = [None if value is None else int(value) for value in values]
    if all(abs(value) < WHOLE for value in whole if value is not None):
        return _narrowed(pd.Series(whole, dtype="Int64"), "int64")
    return pd.Series([None if value is None else str(value) for value in whole], dtype=object)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) or (value.is_finite() and value == value.to_integral_value())


def _dates(values: Sequence[Any]) -> pd.Series[Any]:
    import pandas as pd

    return pd.Series([_in_utc(value) for value in values], dtype="datetime64[us]")


def _in_utc(value: Any) -> datetime.datetime | None:
    if value is None:
        return None
    if not isinstance(value, datetime.datetime):
        return datetime.datetime.combine(value, datetime.time())
    return value if value.tzinfo is None else value.astimezone(datetime.UTC).replace(tzinfo=None)


def _narrowed(series: pd.Series[Any], kind: Any) -> pd.Series[Any]:
    """Return a column without missing values as NumPy's type."""
    return series if series.isna().any() else series.astype(kind)
