"""95 % intervals: Wilson's as published, and that of a mean as often right as it says."""

import numpy as np
import pytest

from studyhall.search.evaluation import intervals, scores


def test_wilsons_interval_is_scipys():
    from scipy.stats import binomtest

    for right, samples in ((351, 360), (0, 7), (7, 7)):
        known = binomtest(right, samples).proportion_ci(0.95, "wilson")
        found = intervals.wilson(right / samples, samples)
        assert found == pytest.approx((known.low, known.high), abs=1e-6)
    assert intervals.wilson(0.5, 0) is None


def test_the_ends_for_none_and_for_all_are_exact():
    """An end that rounding leaves below 1 would be shown as "100.0000 %"."""
    for samples in range(1, 400):
        assert intervals.wilson(0.0, samples)[0] == 0.0
        assert intervals.wilson(1.0, samples)[1] == 1.0


def test_the_interval_of_a_mean_holds_it_as_often_as_it_says():
    random = np.random.default_rng(1)
    found = [intervals.of_mean(random.exponential(size=80)) for _ in range(100)]
    assert 88 <= sum(low <= 1 <= high for low, high in found) <= 99


def test_resamples_and_the_formula_for_many_values_agree(monkeypatch):
    squares = np.random.default_rng(2).normal(size=(400, 2)) ** 2
    drawn = intervals.of_rmse(squares)
    monkeypatch.setattr(intervals, "MOST_DRAWN", 0)
    assert intervals.of_rmse(squares) == pytest.approx(drawn, abs=0.01)


def test_numbers_without_an_interval():
    assert intervals.of_mean(np.array([1.0])) is None
    assert intervals.of_mean(np.array([1.0, np.inf])) is None


def test_regression_errors_have_intervals():
    y = np.arange(50.0)
    found = scores.scores("regression", [], y, y + np.tile([1.0, -2.0], 25))
    assert found["mae"] == 1.5 and found["intervals"]["mae"] == pytest.approx(
        [1.36, 1.64], abs=0.03
    )
    low, high = found["intervals"]["rmse"]
    assert low < found["rmse"] < high
