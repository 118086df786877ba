"""The trials that a sampler sees, and the form in which it sees failures."""

import random

import optuna
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState

from studyhall.storage.database import encoding
from studyhall.storage.sampling.feed import Finished
from studyhall.storage.sampling.mirror import Mirror
from studyhall.storage.sampling.window import Window


def finished(number: int, state: str, value: float | None, **params: float) -> Finished:
    spaces = {name: FloatDistribution(0.0, 1.0) for name in params}
    packed = encoding.pack_params(params, spaces)
    return Finished(number, number + 100, number, state, value, 3, value, *packed, "{}", None)


@given(st.lists(st.tuples(st.sampled_from(["COMPLETE", "PRUNED"]), st.integers(0, 5))))
def test_the_window_depends_on_what_has_finished_and_not_on_the_order(
    ended: list[tuple[str, int]],
) -> None:
    trials = [finished(n, state, float(value)) for n, (state, value) in enumerate(ended)]
    windows = []
    for seed in range(3):
        arriving = list(trials)
        random.Random(seed).shuffle(arriving)
        window = Window(best=2, latest=4)
        for trial in arriving:
            window.add(trial)
        windows.append([trial.number for trial in window.trials()])
    assert windows[0] == windows[1] == windows[2]
    complete = sorted((t.value, t.number) for t in trials if t.state == "COMPLETE")
    best = {number for _, number in complete[:2]}
    latest = {trial.number for trial in trials[-4:]} | {trial.number for trial in trials[:1]}
    assert windows[0] == sorted(best | latest)


def test_a_small_study_is_seen_as_a_whole() -> None:
    window = Window()
    for number in range(900):
        window.add(finished(number, "COMPLETE", float(number)))
    assert len(window.trials()) == 900


def shown(*trials: Finished) -> list[optuna.trial.FrozenTrial]:
    mirror = Mirror("study", Window())
    mirror.learn(trials)
    return mirror.study(optuna.samplers.RandomSampler()).trials


def test_a_failure_is_shown_as_infinitely_bad_and_infeasible() -> None:
    good, bad = shown(finished(0, "COMPLETE", 0.5, x=0.1), finished(1, "FAIL", None, x=0.9))
    assert (good.state, good.value, good.constraints) == (TrialState.COMPLETE, 0.5, {"failed": 0.0})
    assert (bad.state, bad.value, bad.constraints) == (
        TrialState.COMPLETE,
        float("inf"),
        {"failed": 1.0},
    )


def test_without_failures_there_are_no_constraints() -> None:
    (trial,) = shown(finished(0, "COMPLETE", 0.5, x=0.1))
    assert trial.constraints == {}


def test_a_failure_before_its_parameters_were_drawn_is_left_out() -> None:
    trials = shown(
        finished(0, "COMPLETE", 0.5, x=0.1, y=0.2),
        finished(1, "FAIL", None),
        finished(2, "FAIL", None, x=0.1),
        finished(3, "FAIL", None, x=0.1, y=0.3),
        finished(4, "PRUNED", 0.7, x=0.4, y=0.5),
    )
    assert [trial.number for trial in trials] == [0, 3, 4]


def test_a_pruned_trial_is_ranked_by_its_last_report() -> None:
    (trial,) = shown(finished(0, "PRUNED", 0.7, x=0.4))
    assert trial.intermediate_values == {3: 0.7}
