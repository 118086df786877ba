"""Tests of the difference between means, against formulas and SciPy."""

import numpy as np
import pytest
from scipy import stats

from studyhall.search.evaluation.significance import over_folds, over_seeds

ONE, OTHER = [0.31, 0.28, 0.4], [0.35, 0.36, 0.42]


def test_folds_are_paired_and_their_variance_is_corrected():
    (found,) = over_folds([("a", ONE), ("b", OTHER)])
    off = np.subtract(OTHER, ONE)
    assert found.mean == pytest.approx(off.mean())
    # Three folds: a plain paired t-test would have sqrt(var / 3).
    assert found.error == pytest.approx(np.sqrt((1 / 3 + 1 / 2) * np.var(off, ddof=1)))
    plain = stats.ttest_rel(OTHER, ONE)
    assert plain.pvalue < found.chance < 1


def test_seeds_are_independent():
    (found,) = over_seeds([("a", ONE), ("b", [*OTHER, 0.5])])
    expected = stats.ttest_ind([*OTHER, 0.5], ONE, equal_var=False)
    assert found.chance == pytest.approx(expected.pvalue)
    assert found.mean / found.error == pytest.approx(expected.statistic)


@pytest.mark.parametrize("test", [over_folds, over_seeds])
def test_without_variance_only_equal_values_are_no_difference(test):
    (equal,) = test([("a", [0.5, 0.5]), ("b", [0.5, 0.5])])
    assert (equal.mean, equal.error, equal.chance) == (0, 0, 1)
    (other,) = test([("a", [0.5, 0.5]), ("b", [0.75, 0.75])])
    assert (other.mean, other.error, other.chance) == (0.25, 0, 0)


def test_only_equal_numbers_of_folds_are_compared():
    models = [("none", []), ("three", ONE), ("two", ONE[:2]), ("also three", OTHER)]
    assert [(each.first, each.second) for each in over_folds(models)] == [("three", "also three")]


def test_the_sentence_names_both_and_the_p_value():
    (found,) = over_folds([("a", [0.5, 0.5]), ("b", [0.75, 0.75])])
    assert found.sentence() == "b − a: +0.25 ± 0 over the folds, p = 0"
