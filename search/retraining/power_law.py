"""A power law through a learning curve over the data, and what it says of twice as much of them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

NUMBERS = 3  # that a power law has: fewer costs say nothing of it


def doubled(samples: Sequence[int], costs: Sequence[float]) -> float | None:
    """The cost that twice the data would give; None where no such curve fits.

    Hestness and others, "Deep learning scaling is predictable, empirically", 2017.

    Args:
        samples: how many, the most last.
        costs: with each; where none is negative, none can be.
    """
    from scipy import optimize

    if len(costs) < NUMBERS or costs[-1] >= costs[0]:
        return None
    sizes, found = np.array(samples, float) / samples[-1], np.array(costs)
    low, span = float(found.min()), float(found.max() - found.min())
    least = 0.0 if low >= 0 else low - 10 * span
    floor = least - 1e-9  # below low, for the fit
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optimize.OptimizeWarning)
        try:
            (limit, scale, power), _ = optimize.curve_fit(
                _law,
                sizes,
                found,
                p0=(max(floor, low - 0.5 * span), 0.5 * span, 0.5),
                bounds=((floor, 0.0, 0.05), (low, np.inf, 3.0)),
            )
        except (RuntimeError, ValueError):  # no such curve
            return None
    return max(least, float(_law(2.0, limit, scale, power)))


def _law(size: Any, limit: float, scale: float, power: float) -> Any:
    return limit + scale * size**-power
