"""Findings on each hyperparameter: importance, values of the best trials, and tendencies.

A tendency is a split of a hyperparameter's values (at a quartile, or one choice against the others)
of which one side has significantly more trials with a fault than the other, by Fisher's exact test
with a Bonferroni correction for the number of splits and faults.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from studyhall.search.diagnosis.verdict import Verdict
from studyhall.search.process import quiet
from studyhall.spaces.entry import Entry
from studyhall.spaces.space import Space

with quiet.spared("sklearn"):  # which its fANOVA wants
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

TOP = 0.1  # share of the complete trials that count as good
LEAST_TOP = 5  # smallest number of good trials, as recommended by PED-ANOVA's authors
LEAST_SIDE = 5  # fewest trials on either side of a split
CHANCE = 0.05  # significance level, before the Bonferroni correction
FAULTS = ("overfitting", "underfitting", "unstable", "cut short")


@dataclass(frozen=True)
class Tendency:
    """A range or choice of a hyperparameter with which a fault is common.

    Attributes:
        where: the range or choice in words, such as ``dropout < 0.2``.
        fault: one of `FAULTS`; unstable includes diverged trials.
        share, elsewhere: shares of trials with the fault, on this side and on the other.
        trials: number of trials with a verdict on this side.
    """

    where: str
    fault: str
    share: float
    elsewhere: float
    trials: int

    def sentence(self) -> str:
        """Return a text: ``dropout < 0.2: 80 % of 24 trials overfitting, elsewhere 30 %``."""
        here = f"{self.share:.0%} of {self.trials} trials {self.fault}"
        return f"{self.where}: {here}, elsewhere {self.elsewhere:.0%}".replace("%", " %")


@dataclass(frozen=True)
class OfHyperparameter:
    """The findings of a study on one hyperparameter.

    Attributes:
        entry: its entry in the search space.
        importance: share of the difference between good trials and others that it explains;
            None if there are too few trials.
        good: number of good trials with each value.
        tendencies: the clearest one for each fault.
    """

    entry: Entry
    importance: float | None
    good: Mapping[Any, int]
    tendencies: tuple[Tendency, ...]

    @property
    def good_range(self) -> str:
        """The values of the good trials, in words."""
        return good_range(self.entry, self.good)


def of_study(
    space: Space, study: optuna.Study, verdicts: Mapping[int, Verdict | None]
) -> list[OfHyperparameter]:
    """Return the findings on every searched hyperparameter, the most important first.

    Args:
        space: the study's search space.
        study: an Optuna study with its trials.
        verdicts: the verdicts on its trials, by number.
    """
    trials = study.get_trials(deepcopy=False)
    weights, best = importances(study), good_trials(trials, study.direction)
    found = []
    for entry in space.entries:
        if not entry.constant:
            parts = [weights[name] for name in weights if entry.has(name)]
            counts = _counted(entry, best)
            tendencies = tuple(_tendencies(entry, trials, verdicts))
            importance = sum(parts) if parts else None
            found.append(OfHyperparameter(entry, importance, counts, tendencies))
    return sorted(found, key=lambda each: -(each.importance or 0.0))


def importances(study: optuna.Study) -> dict[str, float]:
    """Return PED-ANOVA's importance of each parameter; empty if there are too few trials."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna warns that the evaluator is experimental
        if (by := evaluator(study)) is None:
            return {}
        try:
            found = get_param_importances(study, evaluator=by)
        except (ValueError, RuntimeError):  # no parameter varies
            return {}
    return {name: weight for name, weight in found.items() if math.isfinite(weight)}


def evaluator(study: optuna.Study) -> PedAnovaImportanceEvaluator | None:
    """Return PED-ANOVA as the dashboard has it, for equal ranks; None for too few trials."""
    complete = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    if len(complete) < 2 * LEAST_TOP:
        return None
    return PedAnovaImportanceEvaluator()


def good_trials(
    trials: Sequence[FrozenTrial], direction: StudyDirection = StudyDirection.MINIMIZE
) -> list[FrozenTrial]:
    """Return the best tenth of the complete trials, at least five."""
    complete = [t for t in trials if t.state.name == "COMPLETE" and t.value is not None]
    up = direction == StudyDirection.MAXIMIZE
    ranked = sorted(complete, key=lambda trial: trial.value or 0.0, reverse=up)
    return ranked[: good_count(len(ranked))]


def good_count(complete: int) -> int:
    """Return the number of good trials among this many complete ones."""
    return min(complete, max(LEAST_TOP, math.ceil(TOP * complete)))


def marked_count(complete: int) -> int:
    """Return how many trials to highlight in a plot: the good ones; 1 if these are the majority."""
    good = good_count(complete)
    return good if 2 * good <= complete else min(1, complete)


def values_of(entry: Entry, trial: FrozenTrial) -> list[Any]:
    """Return the entry's values in a trial: several if it is per layer, none if it didn't apply."""
    return [value for name, value in trial.params.items() if entry.has(name)]


def good_range(entry: Entry, good: Mapping[Any, int]) -> str:
    """Return lowest and highest value of a range, or choices with their counts, as text."""
    if not good:
        return "–"
    if entry.choices:
        often = sorted(good.items(), key=lambda item: -item[1])
        return ", ".join(f"{value} ({count})" for value, count in often)
    return f"{_short(min(good))} … {_short(max(good))}"


def _counted(entry: Entry, trials: Sequence[FrozenTrial]) -> dict[Any, int]:
    counts: dict[Any, int] = {}
    for value in (value for trial in trials for value in values_of(entry, trial)):
        counts[value] = counts.get(value, 0) + 1
    return counts


def _tendencies(
    entry: Entry, trials: Sequence[FrozenTrial], verdicts: Mapping[int, Verdict | None]
) -> Iterator[Tendency]:
    """Yield for each fault the most significant split, if it is significant."""
    judged = [
        (values[0], family(verdict))
        for trial in trials
        if (verdict := verdicts.get(trial.number)) and (values := values_of(entry, trial))
    ]
    splits = [*_splits(entry, [value for value, _ in judged])]
    for fault in FAULTS:
        tried = [
            _compare(where, fault, [v for v in judged if inside(v[0])], judged)
            for where, inside in splits
        ]
        likely = [each for each in tried if each[0] * len(splits) * len(FAULTS) < CHANCE]
        if likely:
            yield min(likely, key=lambda each: each[0])[1]


def family(verdict: Verdict) -> str:
    """Return the fault of a verdict: both kinds of overfitting are one, diverged is unstable."""
    name = verdict.name.partition(" (")[0]
    return "unstable" if name == "diverged" else name


def _splits(entry: Entry, values: list[Any]) -> Iterator[tuple[str, Any]]:
    """Yield each side of each split, as text and as a predicate of a value."""
    if entry.choices:
        for choice in dict.fromkeys(values):
            yield f"{entry.name} = {choice}", lambda value, choice=choice: value == choice
        return
    quartiles = np.quantile(values, (0.25, 0.5, 0.75)).tolist() if values else []
    for number in dict.fromkeys(quartiles):
        yield f"{entry.name} < {_short(number)}", lambda value, number=number: value < number
        yield f"{entry.name} ≥ {_short(number)}", lambda value, number=number: value >= number


def _compare(
    where: str, fault: str, here: list[tuple[Any, str]], judged: list[tuple[Any, str]]
) -> tuple[float, Tendency]:
    """Return the p-value of Fisher's test for more faults on this side, and the tendency."""
    inside, outside = len(here), len(judged) - len(here)
    bad = sum(name == fault for _, name in here)
    bad_outside = sum(name == fault for _, name in judged) - bad
    shares = bad / max(inside, 1), bad_outside / max(outside, 1)
    tendency = Tendency(where, fault, *shares, inside)
    if min(inside, outside) < LEAST_SIDE:
        return 1.0, tendency
    from scipy.stats import fisher_exact  # takes half a second

    table = [[bad, inside - bad], [bad_outside, outside - bad_outside]]
    return float(fisher_exact(table, alternative="greater").pvalue), tendency


def _short(number: float) -> str:
    return f"{number:.3g}"
