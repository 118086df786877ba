"""The extrapolation of a data curve to twice the data, by a power law."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

NUMBERS = 3  # parameters of the power law, and so the fewest costs that it can be fitted to


def doubled(samples: Sequence[int], costs: Sequence[float]) -> float | None:
    """Return the cost expected for twice the data; None if no power law fits.

    See Hestness and others, "Deep learning scaling is predictable, empirically", 2017.

    Args:
        samples: sizes of the training data, the largest last.
        costs: cost for each size; if none is negative, the result is not negative either.
    """
    from scipy import optimize

    if len(costs) < NUMBERS or costs[-1] >= costs[0]:
        return None
    sizes, found = np.array(samples, float) / samples[-1], np.array(costs)
    low, span = float(found.min()), float(found.max() - found.min())
    # Costs that can be negative have no natural limit: allow ten spans below the lowest.
    least = 0.0 if low >= 0 else low - 10 * span
    floor = least - 1e-9  # strictly below low, as the fit needs bounds that differ
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
        except (RuntimeError, ValueError):  # the fit did not converge
            return None
    return max(least, float(_law(2.0, limit, scale, power)))


def _law(size: Any, limit: float, scale: float, power: float) -> Any:
    return limit + scale * size**-power
