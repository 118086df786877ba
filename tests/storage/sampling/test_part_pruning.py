"""Decisions between parts, equal to those of Optuna's own pruner on the same values."""

import warnings

import numpy as np
import optuna
import pytest

from studyhall.storage.database import encoding
from studyhall.storage.sampling.feed import Finished
from studyhall.storage.sampling.part_pruning import PARTS, PartPruner


def finished(number: int, values: list[float], state: str = "COMPLETE") -> Finished:
    attributes = encoding.to_json({PARTS: values})
    value = float(np.mean(values))
    return Finished(number, number, number, state, value, None, None, "{}", "{}", attributes, None)


@pytest.mark.parametrize("p_threshold", [0.1, 0.3])
def test_it_decides_as_optuna_does(p_threshold: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        theirs = optuna.pruners.WilcoxonPruner(p_threshold=p_threshold)
    study, ours = optuna.create_study(pruner=theirs), PartPruner(p_threshold)
    random, decisions = np.random.default_rng(0), []
    for number in range(60):
        trial, values = study.ask(), list[float]()
        level = random.normal()
        for part in range(10):
            values.append(float(level + random.normal()))
            trial.report(values[-1], part)
            wanted = trial.should_prune()
            if part < 9:  # after the last one there is nothing to save
                assert ours.should_prune(values) == wanted
                decisions.append(wanted)
            if wanted:
                break
        state = "PRUNED" if wanted else "COMPLETE"
        study.tell(
            trial, None if wanted else float(np.mean(values)), optuna.trial.TrialState[state]
        )
        ours.learn([finished(number, values, state)])
    assert 20 < sum(decisions) < 60


def test_without_a_threshold_or_a_best_trial_nothing_is_pruned() -> None:
    pruner = PartPruner(0.5)
    assert not pruner.should_prune([9.0] * 9)
    pruner.learn([finished(0, [0.1] * 10)])
    assert pruner.should_prune([9.0] * 9)
    never = PartPruner(0.0)
    never.learn([finished(0, [0.1] * 10)])
    assert not never.should_prune([9.0] * 9)
