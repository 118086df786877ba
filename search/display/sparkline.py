"""A curve as one line of text."""

from __future__ import annotations

import math
from collections.abc import Sequence

STEPS = "▁▂▃▄▅▆▇█"
DECADE = 10.0  # values that span more are drawn by their logarithms


def sparkline(values: Sequence[float | None], width: int) -> str:
    """Return a curve in at most that many characters; a space for a value that is not finite."""
    shown = [_finite(each) for each in _thinned(values, width)]
    known = [each for each in shown if each is not None]
    if not known:
        return ""
    by_log = min(known) > 0 and max(known) > DECADE * min(known)
    heights = [each if each is None or not by_log else math.log(each) for each in shown]
    finite = [each for each in heights if each is not None]
    low, high = min(finite), max(finite)
    return "".join(_step(each, low, high) for each in heights)


def _step(height: float | None, low: float, high: float) -> str:
    if height is None:
        return " "
    share = (height - low) / (high - low) if high > low else 0.0
    return STEPS[round(share * (len(STEPS) - 1))]


def _thinned(values: Sequence[float | None], width: int) -> list[float | None]:
    """Return evenly spaced values, first and last included, if there are more than the width."""
    if len(values) <= width or width < 2:
        return list(values[-max(width, 0) :]) if width > 0 else []
    last = len(values) - 1
    return [values[round(place * last / (width - 1))] for place in range(width)]


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
