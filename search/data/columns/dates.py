"""Dates and times as people write them, and the numbers that a model gets of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from studyhall.search.data.columns.numbers import is_missing

if TYPE_CHECKING:
    import pandas as pd

DAY_S = 86_400.0
LOOKED_AT = 200  # texts that are tried with every format; one that fits is then tried on all
_DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y")
_WORDS = ("%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%d-%b-%Y")
_TIMES = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
_ISO = tuple(f"%Y-%m-%dT%H:%M{rest}" for rest in ("", ":%S", ":%S.%f", ":%S%z", ":%S.%f%z"))
FORMATS = (
    *(day + time for day in (*_DAYS, *_WORDS) for time in _TIMES),
    *_ISO,
    "%Y-%m-%d %H:%M:%S%z",
    "%Y-%m",
)

Floats = NDArray[np.float64]


def formats_of(texts: pd.Series[Any]) -> list[str]:
    """Return the formats in which every text of a column is a date; several if it is ambiguous."""
    written = texts[~is_missing(texts)].str.strip()
    if written.empty or not written.iloc[:LOOKED_AT].str.contains(r"\d", regex=True).all():
        return []
    some = written.drop_duplicates().iloc[:LOOKED_AT]
    fitting = [each for each, count in _fitting(some).items() if count == len(some)]
    return [each for each in fitting if not np.isnan(seconds(written, each)).any()]


def most_common_format(texts: pd.Series[Any]) -> tuple[str, NDArray[np.bool_]]:
    """Return the format that fits most of a column's texts, and which ones; "" if none fits any."""
    some = texts.drop_duplicates().iloc[:LOOKED_AT]
    if not some.str.contains(r"\d", regex=True).any():
        return "", np.zeros(len(texts), bool)
    fitting = _fitting(some)
    best = max(fitting, key=lambda each: fitting[each])
    fits = ~np.isnan(seconds(texts, best))
    return (best if fits.any() else ""), fits


def _fitting(texts: pd.Series[Any]) -> dict[str, int]:
    """Return how many of some texts are dates, by the format."""
    shapes = {_shape(text) for text in texts.str.strip()}
    return {each: _count(texts, each) if _may_fit(each, shapes) else 0 for each in FORMATS}


def _count(texts: pd.Series[Any], form: str) -> int:
    return int((~np.isnan(seconds(texts, form))).sum())


def _may_fit(form: str, shapes: set[str]) -> bool:
    """Return False if no text of these shapes is a date of a format; trying takes a millisecond."""
    like = _shape(re.sub("%[bBp]", "a", re.sub("%[a-zA-Z]", _sample, form.removesuffix("%z"))))
    return any(shape.startswith(like) if form.endswith("%z") else shape == like for shape in shapes)


def _sample(sign: re.Match[str]) -> str:
    return sign[0] if sign[0] in ("%b", "%B", "%p") else "0"


def _shape(text: str) -> str:
    """Return a text with 0 for each run of digits, a for letters, and a space for spaces."""
    return re.sub(r"\s+", " ", re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "0", text)))


def seconds(texts: pd.Series[Any], form: str) -> Floats:
    """Return Unix times (N,) in seconds, as in UTC where no zone is given; NaN where none fits."""
    import pandas as pd

    found = pd.to_datetime(texts.str.strip(), format=form, errors="coerce", utc=True, exact=True)
    return of_times(found)


def of_times(times: pd.Series[Any]) -> Floats:
    """Return Unix times (N,) in seconds of pandas' times; NaN where one is missing."""
    import pandas as pd

    utc = pd.to_datetime(times, utc=True)
    # In the unit of the times: in nanoseconds, the years before 1677 and after 2262 overflow.
    since = (utc - pd.Timestamp(0, tz="UTC").as_unit(utc.dt.unit)).dt.total_seconds()
    return np.array(since, np.float64)


def have_hours(unix_s: Floats) -> bool:
    """Return True if some of the times are not at midnight."""
    return bool((unix_s[~np.isnan(unix_s)] % DAY_S != 0).any())


def names(hours: bool) -> tuple[str, ...]:
    """Return the names of the numbers that `encoded` returns."""
    around = ("month", "weekday", "hour") if hours else ("month", "weekday")
    return ("days", "year", *(f"{each} {part}" for each in around for part in ("sin", "cos")))


def encoded(unix_s: Any, hours: bool, ops: Any = np) -> list[Any]:
    """Return what a model gets of a time: days since 1970, year, and cycles as sine and cosine.

    The calendar is computed by the same arithmetic in NumPy and in a Keras model, where `ops` is
    `keras.ops`. Source of the calendar: H. Hinnant, "chrono-compatible low-level date algorithms".

    Args:
        unix_s: (N,) or (N, 1) times in seconds, float64.
        hours: the hour counts, too.
        ops: `numpy` or `keras.ops`.

    Returns:
        One array of the same shape for each of `names`.
    """
    days = unix_s / DAY_S
    whole = ops.floor(days)
    year, month = _year_and_month(whole, ops)
    cycles = [(month - 1) / 12, _rest(whole + 3, 7.0, ops) / 7]
    cycles += [days - whole] if hours else []
    turns = [2 * np.pi * cycle for cycle in cycles]
    return [days, year, *(part(turn) for turn in turns for part in (ops.sin, ops.cos))]


def _year_and_month(whole: Any, ops: Any) -> tuple[Any, Any]:
    """Return year and month (1 to 12) of days since 1970-01-01, in the Gregorian calendar."""
    shifted = whole + 719_468  # days since 0000-03-01: years begin in March
    era = ops.floor(shifted / 146_097)
    day = shifted - era * 146_097  # of 400 years
    year = ops.floor(
        (day - ops.floor(day / 1460) + ops.floor(day / 36_524) - ops.floor(day / 146_096)) / 365
    )
    of_year = day - (365 * year + ops.floor(year / 4) - ops.floor(year / 100))
    from_march = ops.floor((5 * of_year + 2) / 153)
    late = ops.floor(from_march / 10)  # 1 in January and February
    return year + era * 400 + late, from_march + 3 - 12 * late


def _rest(values: Any, by: float, ops: Any) -> Any:
    return values - by * ops.floor(values / by)
