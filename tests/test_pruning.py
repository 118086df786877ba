"""Pruning decisions, compared with Optuna's own pruners on the same reports."""

import math
import random
from collections.abc import Callable

import optuna
import pytest
from optuna.pruners import (
    BasePruner,
    HyperbandPruner,
    MedianPruner,
    NopPruner,
    PercentilePruner,
    SuccessiveHalvingPruner,
)
from optuna.trial import TrialState

from storage import packing, pruning
from storage.feed import Finished, Rung
from storage.pruning import Halving, Never, Percentile, Pruner

EPOCHS = 27


def finished(number: int, state: str, reports: dict[int, float]) -> Finished:
    """A finished trial as the feed brings it."""
    packed = packing.pack_reports(reports) if state == "COMPLETE" else None
    last = max(reports)
    return Finished(
        number, number, number, state, 0.0, last, reports[last], "{}", "{}", "{}", packed
    )


PAIRS: list[tuple[Callable[[], Pruner], Callable[[], BasePruner]]] = [
    (lambda: pruning.named("auto", study_name="s", epochs=EPOCHS), MedianPruner),
    (lambda: pruning.named("median", study_name="s", epochs=EPOCHS), MedianPruner),
    (lambda: pruning.named("percentile", study_name="s", epochs=9), lambda: PercentilePruner(25.0)),
    (lambda: Percentile(70.0, 2, 3, 4), lambda: PercentilePruner(70.0, 2, 3, 4)),
    (lambda: Percentile(0.0, 0), lambda: PercentilePruner(0.0, 0)),
    (lambda: Halving(2, 3, 0), lambda: SuccessiveHalvingPruner(2, 3, 0)),
    (lambda: Halving(1, 2, 1), lambda: SuccessiveHalvingPruner(1, 2, 1)),
    (
        lambda: pruning.named("hyperband", study_name="s", epochs=EPOCHS),
        lambda: HyperbandPruner(1, EPOCHS, 3),
    ),
    (Never, NopPruner),
]


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
@pytest.mark.parametrize("seed", range(3))
def test_decides_as_optuna_does(
    ours: Callable[[], Pruner], theirs: Callable[[], BasePruner], seed: int
) -> None:
    """Three trials run side by side; every decision of sixty trials is compared."""
    draw = random.Random(seed)
    study = optuna.create_study(study_name="s", pruner=theirs())
    pruner = ours()
    running: dict[int, tuple[optuna.Trial, dict[int, float]]] = {}
    decisions = []
    while running or len(study.trials) < 60:
        if len(running) < 3 and len(study.trials) < 60:
            trial = study.ask()
            running[trial.number] = trial, {}
        number = draw.choice(list(running))
        trial, reports = running[number]
        step = max(reports, default=0) + 1
        value = (
            draw.choice([math.nan, 0.5, draw.random()]) if draw.random() < 0.1 else draw.random()
        )
        trial.report(value, step)
        reports[step] = value
        for rung in pruner.rungs(number, reports, step):
            pruner.learn((), [Rung(0, number, rung, value)])
        decision = pruner.should_prune(number, reports, step)
        assert decision == trial.should_prune(), (number, reports)
        decisions.append(decision)
        if decision or step == EPOCHS:
            state = "PRUNED" if decision else "COMPLETE"
            study.tell(trial, None if decision else 0.5, state=TrialState[state])
            pruner.learn([finished(number, state, reports)], ())
            del running[number]
    assert any(decisions) != isinstance(pruner, Never)


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
        reports = {step: draw.random() for step in range(1, 9)}
        step = draw.randint(1, 8)
        seen = {at: value for at, value in reports.items() if at <= step}
        assert at_once.should_prune(0, seen, step) == one_by_one.should_prune(0, seen, step)


def test_a_repeated_epoch_replaces_its_rung() -> None:
    halving = Halving(1, 2)
    for number, value in enumerate((0.1, 0.2, 0.3)):
        halving.learn((), [Rung(0, number, 0, value)])
    assert halving.should_prune(3, {1: 0.4}, 1)
    halving.learn((), [Rung(0, 3, 0, 0.05)])  # after a takeover it did better
    assert not halving.should_prune(3, {1: 0.05}, 1)
    assert halving.should_prune(4, {1: 0.15}, 1)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match="received 'medain', expected one of auto, none, median"):
        pruning.named("medain", study_name="s", epochs=9)
