"""The verdict on each hyperparameter: its importance, where the best lie, what goes wrong where.

A tendency is a split of a hyperparameter's values (below and from a quartile on, or one choice and
the others) between whose sides the share of trials with a fault differs by more than chance, by
Fisher's exact test, corrected for the number of splits and faults that were tried (Bonferroni).
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
LEAST_TOP = 5  # good trials at least, as PED-ANOVA's authors advise
LEAST_SIDE = 5  # trials on either side of a split
CHANCE = 0.05  # how likely a tendency may be if there is none
FAULTS = ("overfitting", "underfitting", "unstable", "cut short")


@dataclass(frozen=True)
class Tendency:
    """Where a fault is common.

    Attributes:
        where: ``dropout < 0.2``.
        fault: one of `FAULTS`; unstable counts the diverged ones.
        share, elsewhere: of the trials with a verdict, on this side and on the other.
    """

    where: str
    fault: str
    share: float
    elsewhere: float
    trials: int

    def sentence(self) -> str:
        """``dropout < 0.2: 80 % of 24 trials overfitting, elsewhere 30 %``."""
        here = f"{self.share:.0%} of {self.trials} trials {self.fault}"
        return f"{self.where}: {here}, elsewhere {self.elsewhere:.0%}".replace("%", " %")


@dataclass(frozen=True)
class OfHyperparameter:
    """What a study has found out about one hyperparameter.

    Attributes:
        importance: share of the differences between good trials and others that it explains;
            None where there are too few.
        good: lowest and highest value, or the choices, of the good trials, per value their number.
        tendencies: the clearest one for each fault.
    """

    entry: Entry
    importance: float | None
    good: Mapping[Any, int]
    tendencies: tuple[Tendency, ...]

    @property
    def good_range(self) -> str:
        """Where the good trials lie, in words."""
        return good_range(self.entry, self.good)


def of_study(
    space: Space, study: optuna.Study, verdicts: Mapping[int, Verdict | None]
) -> list[OfHyperparameter]:
    """Every searched hyperparameter of the space, the most important first.

    Args:
        space: of the study.
        study: its trials, as Optuna's.
        verdicts: on its trials, by number.
    """
    trials = study.get_trials(deepcopy=False)
    weights, best = importances(study), good_trials(trials, study.direction)
    found = []
    for entry in space.entries:
        if not entry.constant:
            parts = [weights[name] for name in weights if is_of(entry, name)]
            counts = _counted(entry, best)
            tendencies = tuple(_tendencies(entry, trials, verdicts))
            importance = sum(parts) if parts else None
            found.append(OfHyperparameter(entry, importance, counts, tendencies))
    return sorted(found, key=lambda each: -(each.importance or 0.0))


def importances(study: optuna.Study) -> dict[str, float]:
    """PED-ANOVA's importance of each parameter; nothing where there are too few trials."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # optuna tells of what is experimental
        if (by := evaluator(study)) is None:
            return {}
        try:
            found = get_param_importances(study, evaluator=by)
        except (ValueError, RuntimeError):  # no parameter that differs
            return {}
    return {name: weight for name, weight in found.items() if math.isfinite(weight)}


def evaluator(study: optuna.Study) -> PedAnovaImportanceEvaluator | None:
    """PED-ANOVA of reaching the good trials; None where there are too few."""
    complete = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
    if len(complete) < 2 * LEAST_TOP:
        return None
    return PedAnovaImportanceEvaluator(target_quantile=max(TOP, LEAST_TOP / len(complete)))


def good_trials(
    trials: Sequence[FrozenTrial], direction: StudyDirection = StudyDirection.MINIMIZE
) -> list[FrozenTrial]:
    """The best tenth of the complete trials, five at least."""
    complete = [t for t in trials if t.state.name == "COMPLETE" and t.value is not None]
    up = direction == StudyDirection.MAXIMIZE
    ranked = sorted(complete, key=lambda trial: trial.value or 0.0, reverse=up)
    return ranked[: good_count(len(ranked))]


def good_count(complete: int) -> int:
    """How many of so many complete trials count as good."""
    return min(complete, max(LEAST_TOP, math.ceil(TOP * complete)))


def marked_count(complete: int) -> int:
    """How many of them stand out in a plot: the good ones, or the best alone if they are most."""
    good = good_count(complete)
    return good if 2 * good <= complete else min(1, complete)


def values_of(entry: Entry, trial: FrozenTrial) -> list[Any]:
    """The entry's values in a trial: several where it is per layer, none where it has none."""
    return [value for name, value in trial.params.items() if is_of(entry, name)]


def good_range(entry: Entry, good: Mapping[Any, int]) -> str:
    """Lowest and highest value, or the choices by how often they are taken."""
    if not good:
        return "–"
    if entry.choices:
        often = sorted(good.items(), key=lambda item: -item[1])
        return ", ".join(f"{value} ({count})" for value, count in often)
    return f"{_short(min(good))} … {_short(max(good))}"


def is_of(entry: Entry, name: str) -> bool:
    """Whether a parameter in Optuna is the entry's, or that of one of its layers."""
    if not entry.per_layer:
        return name == entry.name
    stem, _, layer = name.rpartition("_")
    return stem == entry.name and layer.isdigit()


def _counted(entry: Entry, trials: Sequence[FrozenTrial]) -> dict[Any, int]:
    counts: dict[Any, int] = {}
    for value in (value for trial in trials for value in values_of(entry, trial)):
        counts[value] = counts.get(value, 0) + 1
    return counts


def _tendencies(
    entry: Entry, trials: Sequence[FrozenTrial], verdicts: Mapping[int, Verdict | None]
) -> Iterator[Tendency]:
    """For each fault the split with the least probability of being chance."""
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
    """The fault that a verdict belongs to: overfitting of either kind, unstable or diverged, …"""
    name = verdict.name.partition(" (")[0]
    return "unstable" if name == "diverged" else name


def _splits(entry: Entry, values: list[Any]) -> Iterator[tuple[str, Any]]:
    """Each side of each split, in words and as a test."""
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
    """How likely more of the fault on this side is chance, and the tendency."""
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
