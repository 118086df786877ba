"""Decisions equal to those of Optuna's own pruners, on the same curves, step by step."""

import contextlib
import math
import random
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import numpy as np
import optuna
import pytest

from studyhall.storage.database import encoding
from studyhall.storage.sampling.feed import Finished, Rung
from studyhall.storage.sampling.pruning import Halving, Hyperband, Never, Percentile, Pruner

NAME = "pruned"
EPOCHS = 30


def finished(number: int, state: str, reports: dict[int, float], sequence: int = 0) -> Finished:
    finite = {step: value for step, value in reports.items() if not math.isnan(value)}
    packed = encoding.pack_reports(finite) if state == "COMPLETE" else None
    return Finished(sequence, number, number, state, 0.0, None, None, "{}", "{}", "{}", packed)


class Worker:
    """A pruner that hears of everything over the feed, each entry once."""

    def __init__(self, pruner: Pruner) -> None:
        self.pruner = pruner
        self.seen = [0, 0]

    def decide(
        self, feed: list[Finished], rungs: list[Rung], number: int, reports: dict[int, float]
    ) -> bool:
        """Reports the last step, as `TrialStore` does, and decides."""
        step = max(reports)
        self.hear(feed, rungs)
        while (rung := self.pruner.rung(number, reports, step)) is not None:
            rungs.append(Rung(len(rungs) + 1, number, rung, reports[step]))
            self.hear(feed, rungs)
        return self.pruner.should_prune(number, reports, step)

    def hear(self, feed: list[Finished], rungs: list[Rung]) -> None:
        self.pruner.learn(feed[self.seen[0] :], rungs[self.seen[1] :])
        self.seen = [len(feed), len(rungs)]


class Race:
    """Several workers' trials, advanced at random, each decision made by Optuna as well."""

    def __init__(
        self, make: Callable[[], Pruner], theirs: optuna.pruners.BasePruner, nan: float, stride: int
    ) -> None:
        self.random = random.Random(20)
        self.study = optuna.create_study(study_name=NAME, pruner=theirs)
        self.workers = [Worker(make()) for _ in range(4)]
        self.feed: list[Finished] = []
        self.rungs: list[Rung] = []
        self.running: dict[int, tuple[optuna.Trial, dict[int, float]]] = {}
        self.nan, self.stride = nan, stride
        self.decisions: Counter[bool] = Counter()

    def run(self, trials: int) -> None:
        while len(self.feed) < trials:
            if len(self.running) < 6:
                trial = self.study.ask()
                self.running[trial.number] = trial, {}
            self.advance(*self.running[self.random.choice(list(self.running))])

    def advance(self, trial: optuna.Trial, reports: dict[int, float]) -> None:
        step = max(reports, default=0) + self.random.randint(1, self.stride)
        reports[step] = self.value(trial.number, step)
        trial.report(reports[step], step)
        worker = self.workers[trial.number % len(self.workers)]
        ours = worker.decide(self.feed, self.rungs, trial.number, reports)
        with warnings.catch_warnings():  # NumPy's, of slices that hold nothing but NaN
            warnings.simplefilter("ignore", RuntimeWarning)
            theirs = trial.should_prune()
        assert ours == theirs, f"trial {trial.number} at step {step} with {reports}"
        self.decisions[ours] += 1
        self.finish(trial, reports, step, pruned=ours)

    def finish(
        self, trial: optuna.Trial, reports: dict[int, float], step: int, pruned: bool
    ) -> None:
        if pruned:
            self.end(trial, reports, "PRUNED")
        elif step >= EPOCHS:
            self.end(trial, reports, "FAIL" if self.random.random() < 0.1 else "COMPLETE")

    def end(self, trial: optuna.Trial, reports: dict[int, float], state: str) -> None:
        del self.running[trial.number]
        values = 0.0 if state == "COMPLETE" else None
        self.study.tell(trial, values, optuna.trial.TrialState[state])
        self.feed.append(finished(trial.number, state, reports, len(self.feed) + 1))

    def value(self, number: int, step: int) -> float:
        """A loss that falls, at a rate of the trial's own, with noise, ties and infinities."""
        if self.random.random() < self.nan:
            return math.nan
        if self.random.random() < 0.01:
            return math.inf
        rate = random.Random(number).uniform(0.05, 2.0)
        return round(1 / (1 + rate * step) + self.random.uniform(0.0, 0.1), 2)


OPTUNAS = optuna.pruners
CASES: dict[str, tuple[Callable[[], Pruner], Any]] = {
    "median": (lambda: Percentile(50.0), OPTUNAS.MedianPruner()),
    "warm-up": (lambda: Percentile(50.0, 3, 5, 4), OPTUNAS.MedianPruner(3, 5, 4)),
    "at once": (lambda: Percentile(50.0, 0), OPTUNAS.MedianPruner(0)),
    "percentile": (lambda: Percentile(30.0), OPTUNAS.PercentilePruner(30.0)),
    "best": (lambda: Percentile(0.0, 0), OPTUNAS.PercentilePruner(0.0, 0)),
    "percentile 99": (lambda: Percentile(99.0, 2), OPTUNAS.PercentilePruner(99.0, 2)),
    "halving": (Halving, OPTUNAS.SuccessiveHalvingPruner(min_resource=1)),
    "halving late": (lambda: Halving(2, 3, 1), OPTUNAS.SuccessiveHalvingPruner(2, 3, 1)),
    "hyperband": (
        lambda: Hyperband(NAME, max_resource=EPOCHS),
        OPTUNAS.HyperbandPruner(max_resource=EPOCHS),
    ),
    "hyperband 4": (
        lambda: Hyperband(NAME, min_resource=2, max_resource=40, reduction_factor=4),
        OPTUNAS.HyperbandPruner(min_resource=2, max_resource=40, reduction_factor=4),
    ),
}


@pytest.mark.parametrize("stride", [1, 2, 9])  # far apart, a report may pass two rungs at once
@pytest.mark.parametrize("nan", [0.0, 0.15])
@pytest.mark.parametrize("case", CASES)
def test_decides_as_optuna(case: str, nan: float, stride: int) -> None:
    race = Race(*CASES[case], nan=nan, stride=stride)
    race.run(trials=60)
    assert min(race.decisions[True], race.decisions[False]) > 10


def test_trial_that_reports_only_nan_is_pruned_as_with_optuna() -> None:
    race = Race(*CASES["median"], nan=0.0, stride=1)
    race.run(trials=40)
    race.nan = 1.0
    race.run(trials=60)
    assert race.feed[-1].state == "PRUNED"


def test_rung_that_is_passed_again_after_a_takeover_counts_once() -> None:
    pruner = Halving(1, 2)
    pruner.learn((), [Rung(1, 0, 0, 0.9), Rung(2, 1, 0, 0.5), Rung(3, 0, 0, 0.1)])
    assert pruner.should_prune(2, {1: 0.2}, 1)  # of 0.1, 0.2 and 0.5 one goes on
    assert not pruner.should_prune(3, {1: 0.05}, 1)


def test_learning_all_at_once_is_learning_one_by_one() -> None:
    draw = random.Random(0)
    trials = [
        finished(n, "COMPLETE", {step: draw.random() for step in range(1, draw.randint(2, 9))})
        for n in range(3000)
    ]
    at_once, one_by_one = Percentile(50.0), Percentile(50.0)
    at_once.learn(trials, ())
    for trial in trials:
        one_by_one.learn([trial], ())
    for _ in range(200):
        reports = {step: draw.random() for step in range(1, draw.randint(2, 9))}
        step = max(reports)
        assert at_once.should_prune(0, reports, step) == one_by_one.should_prune(0, reports, step)


def test_none_never_prunes() -> None:
    never = Never()
    never.learn([finished(i, "COMPLETE", {1: 0.0}) for i in range(9)], [Rung(1, 0, 0, 0.0)])
    assert not never.should_prune(9, {1: math.nan}, 1)
    assert never.rung(9, {1: 1.0}, 1) is None


@contextlib.contextmanager
def counted() -> Iterator[Counter[str]]:
    """Counts lines that are run and C functions that are called, by module."""
    work: Counter[str] = Counter()

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        work["lines"] += event == "line"
        return trace

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        if event == "c_call":
            work[str(getattr(argument, "__module__", None))] += 1

    sys.settrace(trace)
    sys.setprofile(profile)
    try:
        yield work
    finally:
        sys.settrace(None)
        sys.setprofile(None)


PRUNERS: dict[str, Callable[[], Pruner]] = {
    "median": lambda: Percentile(50.0),
    "percentile": lambda: Percentile(25.0),
    "hyperband": lambda: Hyperband(NAME, max_resource=4),
    "halving": Halving,
}


def taught(name: str, trials: int) -> Pruner:
    pruner = PRUNERS[name]()
    losses = np.random.default_rng(trials).random(trials)
    ended = [finished(i, "COMPLETE", {1: loss}) for i, loss in enumerate(losses)]
    pruner.learn(ended, [Rung(i, i, 0, loss) for i, loss in enumerate(losses)])
    return pruner


@pytest.mark.parametrize("name", PRUNERS)
def test_decision_costs_a_look_up_whatever_the_number_of_trials(name: str) -> None:
    few, many = taught(name, 1_000), taught(name, 50_000)
    number = 50_000
    assert not many.should_prune(number - 1, {1: 0.0}, 1)  # it has something to compare with
    with counted() as before:
        few.should_prune(number, {1: 0.5}, 1)
    with counted() as after:
        many.should_prune(number, {1: 0.5}, 1)
    assert after["lines"] > 0
    assert after["lines"] < before["lines"] + 2 * 3 * 50_000 / 1024  # chunks that are stepped over
    assert not any(module.startswith("numpy") for module in after)


def test_learning_one_more_trial_touches_its_own_values_only() -> None:
    few, many = taught("median", 1_000), taught("median", 50_000)
    one = [finished(50_000, "COMPLETE", {1: 0.5})]
    with counted() as before:
        few.learn(one, ())
    with counted() as after:
        many.learn(one, ())
    assert 0 < after["lines"] <= before["lines"] + 5
