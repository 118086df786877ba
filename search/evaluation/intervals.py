"""95 % confidence intervals of scores; NumPy is imported only where samples are drawn.

They take samples as independent, which overlapping windows over a series are not: their intervals
come out too narrow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from studyhall.search.evaluation.score_cells import SHARES

if TYPE_CHECKING:
    from numpy.typing import NDArray

Z = 1.959964  # standard deviations on each side of the mean that hold 95 % of a normal variable
DRAWS = 1000  # resamples of a bootstrap
MOST_DRAWN = 20_000  # numbers to resample; beyond, the normal approximation is as good

Interval = tuple[float, float]


def of_score(name: str, scores: Mapping[str, Any]) -> Interval | None:
    """Return the interval of one of the scores of a model; None if it has none.

    Args:
        name: of the score.
        scores: as `scores.scores` returns them.
    """
    if name in SHARES and name in scores and "samples" in scores:
        return wilson(scores[name], scores["samples"])
    low, high = scores.get("intervals", {}).get(name) or (None, None)
    return None if low is None or high is None else (low, high)


def wilson(share: float, samples: int) -> Interval | None:
    """Return Wilson's score interval of a proportion; None without samples.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", 1927.

    >>> [round(end, 3) for end in wilson(0.975, 360)]
    [0.953, 0.987]
    """
    if samples < 1:
        return None
    of_all = 1 + Z**2 / samples
    centre = (share + Z**2 / (2 * samples)) / of_all
    half = Z / of_all * math.sqrt(share * (1 - share) / samples + (Z / (2 * samples)) ** 2)
    # Its ends are 0 and 1 exactly where none or all count; rounding may miss them.
    low = 0.0 if share <= 0.0 else max(0.0, centre - half)
    high = 1.0 if share >= 1.0 else min(1.0, centre + half)
    return low, high


def of_mean(values: NDArray[Any]) -> Interval | None:
    """Return the interval of the mean of numbers, one per sample (N,); None for fewer than two."""
    return _of_means(values.reshape(len(values), 1), lambda means: means[..., 0])


def of_rmse(squares: NDArray[Any]) -> Interval | None:
    """Return the interval of the root mean squared error, averaged over the outputs.

    Args:
        squares: squared errors (N, outputs).
    """
    import numpy as np

    return _of_means(squares, lambda means: np.sqrt(np.maximum(means, 0.0)).mean(axis=-1))


def _of_means(values: NDArray[Any], score: Callable[[NDArray[Any]], Any]) -> Interval | None:
    """Return the interval of a score that is computed from the means (…, outputs) of values.

    It is the percentile bootstrap (Efron, 1979); for many values the score of each sample left
    out in turn (the jackknife) tells the standard error.
    """
    import numpy as np

    wide, count = values.astype(np.float64), len(values)
    if count < 2 or not np.isfinite(wide).all():
        return None
    if wide.size <= MOST_DRAWN:
        drawn = [score(means) for means in _resampled(wide)]
        low, high = np.percentile(drawn, (2.5, 97.5))
        return float(low), float(high)
    means = wide.mean(axis=0)
    without = score(means + (means - wide) / (count - 1))
    error = math.sqrt((count - 1) * float(np.var(without)))
    return float(score(means) - Z * error), float(score(means) + Z * error)


def _resampled(values: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield the means of resamples; the same ones for the same number of samples."""
    import numpy as np

    random, count = np.random.default_rng(0), len(values)
    for _ in range(DRAWS):
        yield values[random.integers(count, size=count)].mean(axis=0)
