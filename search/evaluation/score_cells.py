"""Scores as the cells of tables, each with its 95 % interval."""

from __future__ import annotations

from collections.abc import Mapping

SHARES = ("accuracy",)  # shares of the samples, whose interval is Wilson's
LEAST = 1e-4  # percent: what is told from 0 and from 100


def number(measure: str, value: float | None) -> str:
    """Return a score as text: shares as percentages that round neither to 100 % nor to 0 %."""
    if value is None:
        return "–"
    return f"{percent(value)} %" if measure in SHARES else _short(value, 4)


def percent(share: float) -> str:
    """Return 100 times a share, with as many digits as tell it from 0 and from 100.

    >>> [percent(share) for share in (1.0, 0.975, 0.99996, 1 - 1e-9)]
    ['100.0', '97.5', '99.996', '99.9999']
    """
    shown, ends = 100 * share, (0, 100)
    if 0 < share < 1:
        shown = min(max(shown, LEAST), 100 - LEAST)
    enough = (n for n in (1, 2, 3, 4) if shown in ends or float(f"{shown:.{n}f}") not in ends)
    return f"{shown:.{next(enough)}f}"


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
