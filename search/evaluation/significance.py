"""Tests of whether the mean results of two models differ by more than chance."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

Values = Sequence[float]
Named = tuple[str, Values]  # name of a model, and its values


@dataclass(frozen=True)
class MeanDifference:
    """The mean difference of two models' values, over folds or over seeds.

    Attributes:
        first, second: names of the two.
        mean: mean of the second one's values minus that of the first.
        error: standard error of that, corrected for training sets that the folds share.
        chance: p-value: probability of so large a difference if there is none.
        over: "folds" or "seeds".
    """

    first: str
    second: str
    mean: float
    error: float
    chance: float
    over: str

    def sentence(self) -> str:
        """Return a line such as ``b − a: +0.012 ± 0.004 over the folds, p = 0.03``."""
        return (
            f"{self.second} − {self.first}: {self.mean:+.4g} ± {self.error:.2g} "
            f"over the {self.over}, p = {self.chance:.2g}"
        )


def over_folds(models: Sequence[Named]) -> Iterator[MeanDifference]:
    """Yield each pair with the same number of folds, tested by the corrected paired t-test.

    Folds share training samples, so the plain variance of their differences is too small; see
    Nadeau and Bengio, "Inference for the generalization error", 2003.
    """
    for (first, values), (second, others) in combinations(models, 2):
        if len(values) == len(others) >= 2:
            yield MeanDifference(first, second, *_paired(values, others), "folds")


def over_seeds(models: Sequence[Named]) -> Iterator[MeanDifference]:
    """Yield each pair, tested by Welch's t-test.

    The seeds of two models are independent, so there are no pairs to test.
    """
    for (first, values), (second, others) in combinations(models, 2):
        yield MeanDifference(first, second, *_welch(values, others), "seeds")


def _paired(values: Values, others: Values) -> tuple[float, float, float]:
    """Return mean, standard error and p-value of the differences per fold."""
    off, count = np.subtract(others, values), len(values)
    share = 1 / (count - 1)  # size of a fold's validation set relative to its training set
    mean = float(np.mean(off))
    error = math.sqrt((1 / count + share) * float(np.var(off, ddof=1)))
    if error == 0:
        return mean, 0.0, _without_variance(mean)
    return mean, error, 2 * float(stats.t.sf(abs(mean) / error, count - 1))


def _welch(values: Values, others: Values) -> tuple[float, float, float]:
    """Return mean, standard error and p-value of the difference between two sets of values."""
    mean = float(np.mean(others) - np.mean(values))
    error = math.sqrt(sum(float(np.var(each, ddof=1)) / len(each) for each in (values, others)))
    if error == 0:
        return mean, 0.0, _without_variance(mean)
    return mean, error, float(stats.ttest_ind(others, values, equal_var=False).pvalue)


def _without_variance(mean: float) -> float:
    """Return the p-value of a difference that never varies: 1 for none, else 0."""
    return float(mean == 0)
