"""Decisions of the default pruner, against its definition by SciPy and on crossing curves."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from studyhall.storage.database import encoding
from studyhall.storage.sampling import predictive_pruning
from studyhall.storage.sampling.feed import Finished
from studyhall.storage.sampling.predictive_pruning import LATEST, LEAST, PREDICTIVE, Predictive

EPOCHS = 12
Curves = list[list[float]]


def complete(number: int, curve: list[float], value: float | None = None) -> Finished:
    packed = encoding.pack_reports(dict(enumerate(curve, start=1)))
    cost = min(curve) if value is None else value
    return Finished(number, number, number, "COMPLETE", cost, None, None, "{}", "{}", "{}", packed)


def taught(curves: Curves, **options: Any) -> Predictive:
    pruner = Predictive(**options)
    pruner.learn([complete(number, curve) for number, curve in enumerate(curves)], ())
    return pruner


def by_definition(curves: Curves, reports: dict[int, float], step: int) -> bool:
    """The slow way: every curve in full, SciPy's correlation, NumPy's median."""
    lowest = [np.fmin.accumulate([*curve, *[math.nan] * EPOCHS])[:EPOCHS] for curve in curves]
    table = np.array(lowest[-LATEST:])
    at_step, final = table[:, min(step, EPOCHS) - 1], table[:, -1]
    if len(set(at_step)) == 1 or len(set(final)) == 1:
        return False
    correlation = stats.spearmanr(at_step, final).statistic
    assume(abs(correlation - PREDICTIVE) > 1e-9)  # rounding could decide
    if correlation < PREDICTIVE:
        return False
    return min(reports.values()) > float(np.median(at_step))


@st.composite
def studies(draw: st.DrawFn) -> tuple[Curves, dict[int, float]]:
    """Curves of complete trials, some of them stopped early, and the reports of one more."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    count, noise = draw(st.integers(LEAST, 2 * LATEST)), draw(st.sampled_from([0.0, 0.1, 1.0]))
    levels = random.permutation(count) // draw(st.integers(1, 3))  # some trials are equal
    curves = [
        (level + 3.0 / np.arange(1, 1 + random.integers(1, EPOCHS + 1))).tolist()
        for level in levels.astype(float)
    ]
    rough = [[value + noise * random.normal() for value in curve] for curve in curves]
    step = draw(st.integers(1, EPOCHS))
    reports = {at: float(random.uniform(0, count)) for at in range(1, step + 1)}
    return rough, reports


@given(studies())
def test_it_decides_as_it_is_defined(drawn: tuple[Curves, dict[int, float]]) -> None:
    curves, reports = drawn
    step = max(reports)
    expected = by_definition(curves, reports, step)
    assert taught(curves).should_prune(LATEST * 3, reports, step) == expected


def rising(count: int) -> Curves:
    """Curves that never cross."""
    return [[(number + 1) / epoch for epoch in range(1, EPOCHS + 1)] for number in range(count)]


def crossing(count: int) -> Curves:
    """Curves of which those that begin worst end best, and which cross in the middle."""
    slopes = np.linspace(1, 2, count)
    return [[float(20 + slope * (EPOCHS / 2 - epoch)) for epoch in range(EPOCHS)]
            for slope in slopes]  # fmt: skip


def test_where_curves_never_cross_it_is_the_median_from_the_first_epoch_on() -> None:
    pruner = taught(rising(20))
    assert pruner.should_prune(20, {1: 10.6}, 1) and not pruner.should_prune(20, {1: 10.4}, 1)
    assert pruner.should_prune(20, {1: 30.0, 2: 5.3}, 2)
    assert not pruner.should_prune(20, {1: 5.2, 2: 30.0}, 2)  # its lowest so far counts


def test_where_curves_cross_it_waits_until_they_have() -> None:
    pruner = taught(crossing(20))
    hopeless = dict.fromkeys(range(1, EPOCHS + 1), 100.0)
    pruned = [epoch for epoch in hopeless if pruner.should_prune(20, hopeless, epoch)]
    assert pruned and min(pruned) > EPOCHS / 2 and pruned == [*range(min(pruned), EPOCHS + 1)]


def test_the_end_is_the_value_which_with_folds_is_no_epochs() -> None:
    curves, pruner = rising(20), Predictive()
    pruner.learn([complete(n, curve, value=float(-n)) for n, curve in enumerate(curves)], ())
    assert not any(pruner.should_prune(20, {epoch: 99.0}, epoch) for epoch in range(1, EPOCHS + 1))


def test_equal_trials_tell_nothing() -> None:
    assert not taught([[1.0] * EPOCHS] * 20).should_prune(20, {1: 9.0}, 1)


@pytest.mark.parametrize(("startup", "needed"), [(0, LEAST), (5, LEAST), (15, 15)])
def test_it_needs_some_complete_trials(startup: int, needed: int) -> None:
    for count, pruned in ((needed - 1, False), (needed, True)):
        pruner = taught(rising(count), n_startup_trials=startup)
        assert pruner.should_prune(count, {1: 99.0}, 1) == pruned


def test_no_epoch_of_the_warm_up_is_judged() -> None:
    pruner = taught(rising(20), n_warmup_steps=4)
    found = [pruner.should_prune(20, dict.fromkeys(range(1, n + 1), 99.0), n) for n in range(1, 6)]
    assert found == [False, False, False, True, True]


def test_workers_that_hear_in_other_portions_agree() -> None:
    curves = [complete(number, curve) for number, curve in enumerate(rising(2 * LATEST))]
    whole, portions = Predictive(), Predictive()
    whole.learn(curves, ())
    for trial in curves:
        portions.learn([trial], ())
        portions.should_prune(999, {1: 60.0}, 1)
    for value in np.linspace(0, 2 * LATEST, 50).tolist():
        found = [pruner.should_prune(999, {1: value}, 1) for pruner in (whole, portions)]
        assert found == [value > 1.5 * LATEST + 0.5] * 2  # the median of the latest


def test_trials_without_a_value_are_nothing_to_compare_with() -> None:
    pruner = taught(rising(20))
    before = pruner.should_prune(20, {1: 10.6}, 1)
    pruned = Finished(20, 20, 20, "PRUNED", 0.0, 1, 0.0, "{}", "{}", "{}", None)
    failed = Finished(21, 21, 21, "FAIL", None, None, None, "{}", "{}", "{}", None)
    empty = complete(22, [math.nan, math.nan], value=math.inf)
    pruner.learn([pruned, failed, empty], ())
    assert before and pruner.should_prune(20, {1: 10.6}, 1)
    assert not pruner.should_prune(20, {1: 10.4}, 1)
    assert pruner.should_prune(20, {1: math.nan}, 1)


def test_a_decision_costs_the_same_after_any_number_of_trials(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes = []
    limit = predictive_pruning._limit

    def counted(curves: Any, step: int) -> float:
        sizes.append(len(curves))
        return limit(curves, step)

    monkeypatch.setattr(predictive_pruning, "_limit", counted)
    pruner = taught(rising(1000))
    for _ in range(3):
        pruner.should_prune(1000, {1: 1.0}, 1)
    assert sizes == [LATEST]  # once since the last complete trial
