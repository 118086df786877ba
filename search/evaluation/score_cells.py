"""Scores as the cells of tables, each with its 95 % interval."""

from __future__ import annotations

from collections.abc import Mapping

SHARES = ("accuracy",)  # shares of the samples, whose interval is Wilson's


def number(measure: str, value: float | None) -> str:
    """Return a score as text: shares as percentages that round neither to 100 % nor to 0 %."""
    if value is None:
        return "–"
    return f"{percent(value)} %" if measure in SHARES else _short(value, 4)


def percent(share: float) -> str:
    """Return 100 times a share, with as many digits as tell it from 0 and from 100."""
    digits = 1
    while digits < 4 and 0 < share < 1 and float(f"{100 * share:.{digits}f}") in (0, 100):
        digits += 1
    return f"{100 * share:.{digits}f}"


def _short(value: float, digits: int) -> str:
    """Return a number with so many digits, without an exponent where it has a few more."""
    text = f"{value:.{digits}g}"
    return f"{value:.0f}" if "e+" in text and abs(value) < 1e6 else text


def cell(measure: str, found: Mapping[str, float | None] | None) -> str:
    """Return a score with its 95 % interval as text: ``97.5 % (95.3 … 98.7)``."""
    if found is None:
        return "–"
    shown = number(measure, found["value"])
    low, high = found["low"], found["high"]
    if low is None or high is None:
        return shown
    ends = (percent(end) if measure in SHARES else _short(end, 3) for end in (low, high))
    return f"{shown} ({' … '.join(ends)})"
