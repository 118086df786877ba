"""Studies or trials side by side: what they came to, what differs, and whether it is chance.

The documents' own comparisons: smaller, original and bigger, with L2, with dropout.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from scipy import stats

from studyhall.search.diagnosis import verdicts
from studyhall.search.diagnosis.verdict import Verdict
from studyhall.search.display import curves, words
from studyhall.search.evaluation import winner
from studyhall.search.study_file import objectives
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.database import Database
from studyhall.storage.queries import records
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies import studies
from studyhall.storage.studies.rows import Study

ONE_TRIAL = re.compile(r"(.+):(\d{1,10})")

Rows = tuple[list[str], list[list[str]]]


@dataclass(frozen=True)
class Side:
    """One of those that are compared: a trial, or a study's best.

    Attributes:
        name: as it was asked for.
        history: its epochs, flat.
    """

    name: str
    study: Study
    trial: TrialRecord
    history: list[dict[str, Any]]
    verdict: Verdict | None

    @property
    def values(self) -> dict[str, Any]:
        """Every hyperparameter, defaults included where they are known."""
        return self.trial.attributes.get("values") or self.trial.params

    @property
    def folds(self) -> list[float]:
        """The value of each fold; nothing without folds."""
        return list(self.trial.attributes.get("folds", []))

    @property
    def repeats(self) -> list[float]:
        """The value of each repeat; nothing without repeats."""
        return list(self.trial.attributes.get("repeats", []))


@dataclass(frozen=True)
class MeanDifference:
    """Of two sides, fold by fold or by their seeds.

    Attributes:
        mean: of the second one's values minus the first one's.
        error: its standard error, corrected for training sets that the folds share.
        chance: how likely so large a difference is if there is none.
        over: what it is taken over: folds or seeds.
    """

    first: str
    second: str
    mean: float
    error: float
    chance: float
    over: str = "folds"

    def sentence(self) -> str:
        """``b - a: +0.012 ± 0.004 over the folds, p = 0.03``."""
        return (
            f"{self.second} − {self.first}: {self.mean:+.4g} ± {self.error:.2g} "
            f"over the {self.over}, p = {self.chance:.2g}"
        )


def sides(db: Database, names: Sequence[str]) -> list[Side]:
    """What is asked for: a study's name, or ``STUDY:NUMBER``.

    Raises:
        ConfigError: with every name that means nothing.
    """
    found, problems = [], []
    for name in names:
        try:
            found.append(_side(db, name))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return found


def outcomes(compared: Sequence[Side]) -> Rows:
    """What each came to, a column each."""
    lines = {
        _objective(compared): [words.number(side.trial.value) for side in compared],
        "best epoch": [_best_epoch(side.trial) for side in compared],
        "training loss there": [_at_best(side, "loss") for side in compared],
        "loss at the last epoch": [_at_last(side) for side in compared],
        "verdict": [side.verdict.name if side.verdict else "–" for side in compared],
        "parameters": [str(side.trial.attributes.get("parameters", "–")) for side in compared],
        "time": [words.duration(_seconds(side.trial)) for side in compared],
    }
    return ["", *(side.name for side in compared)], [[name, *row] for name, row in lines.items()]


def _objective(compared: Sequence[Side]) -> str:
    names = {objectives.of_study(side.study.config)[0] for side in compared}
    return names.pop() if len(names) == 1 else "value"


def differing(compared: Sequence[Side]) -> Rows:
    """The hyperparameters that are not the same in all, a column each."""
    names = dict.fromkeys(name for side in compared for name in side.values)
    rows = [[name, *(_shown(side.values.get(name)) for side in compared)] for name in names]
    return ["", *(side.name for side in compared)], [row for row in rows if len({*row[1:]}) > 1]


def remarks(compared: Sequence[Side]) -> Iterator[str]:
    """What keeps values from being compared, or how sure their differences are."""
    if len({side.study.config["inspection"]["data"] for side in compared}) > 1:
        yield "their data or splits differ: their losses do not mean the same"
        return
    if _objective(compared) == "value":
        yield "their objectives differ: their values do not mean the same"
        return
    if len({_loss(side) for side in compared}) > 1:
        yield "their losses differ: their values do not mean the same"
        return
    tested = [*paired(compared), *by_seeds(compared)]
    yield from (each.sentence() for each in tested)
    if not tested:
        yield (
            "one value each: the same folds ([data] folds), or repeats ([training] repeats), would "
            "tell a difference from chance"
        )


def _loss(side: Side) -> tuple[str, ...]:
    """What its training made small; of a loss that only its code knows, the code stands for it."""
    own = side.trial.attributes.get("own_loss", "")
    code = side.study.config["inspection"]["code"].values() if own == "unknown" else ()
    return (own or side.study.config["file"]["training"]["loss"], *code)


def paired(compared: Sequence[Side]) -> Iterator[MeanDifference]:
    """Each pair that was valued on the same folds, by the corrected paired t-test.

    Folds share training samples, so their differences vary less than independent ones: Nadeau and
    Bengio, "Inference for the generalization error", 2003.
    """
    for first, second in combinations(compared, 2):
        if len(first.folds) == len(second.folds) >= 2:
            off = np.subtract(second.folds, first.folds)
            yield _tested(first.name, second.name, off)


def by_seeds(compared: Sequence[Side]) -> Iterator[MeanDifference]:
    """Each pair without folds whose trials were trained with several seeds, by Welch's t-test.

    Their seeds have nothing to do with each other, so that there is nothing to pair.
    """
    for first, second in combinations(compared, 2):
        if not first.folds and not second.folds and first.repeats and second.repeats:
            yield _of_seeds(first, second)


def _of_seeds(first: Side, second: Side) -> MeanDifference:
    mean = float(np.mean(second.repeats) - np.mean(first.repeats))
    both = (first.repeats, second.repeats)
    error = math.sqrt(sum(float(np.var(values, ddof=1)) / len(values) for values in both))
    if error == 0:
        return MeanDifference(first.name, second.name, mean, 0.0, float(mean == 0), "seeds")
    chance = float(stats.ttest_ind(second.repeats, first.repeats, equal_var=False).pvalue)
    return MeanDifference(first.name, second.name, mean, error, chance, "seeds")


def _tested(first: str, second: str, off: Any) -> MeanDifference:
    count = len(off)
    share = 1 / (count - 1)  # samples of a fold's validation part per one of its training part
    error = math.sqrt((1 / count + share) * float(np.var(off, ddof=1)))
    mean = float(np.mean(off))
    if error == 0:
        return MeanDifference(first, second, mean, 0.0, float(mean == 0))
    chance = 2 * float(stats.t.sf(abs(mean) / error, count - 1))
    return MeanDifference(first, second, mean, error, chance)


def _side(db: Database, name: str) -> Side:
    one = ONE_TRIAL.fullmatch(name)
    study = studies.find(db, one[1] if one else name)
    if study is None:
        known = ", ".join(studies.names(db)) or "a study; this database has none"
        raise ConfigError([f"study: received {name!r}, expected one of {known}, or STUDY:NUMBER"])
    trials = records.trials(db, study)
    trial = _of_number(trials, int(one[2])) if one else _winner(db, study)
    if trial is None:
        what = f"a trial of {study.name}" if one else "a study with a complete trial"
        raise ConfigError([f"study: received {name!r}, expected {what}"])
    history = curves.flat(records.history(db, trial.trial_id))
    return Side(name, study, trial, history, verdicts.of_trial(db, study, trials, trial))


def _of_number(trials: Sequence[TrialRecord], number: int) -> TrialRecord | None:
    return next((trial for trial in trials if trial.number == number), None)


def _winner(db: Database, study: Study) -> TrialRecord | None:
    found = winner.read(db, study)
    return None if found is None else found.trial


def _best_epoch(trial: TrialRecord) -> str:
    """Of each training, where the trial has several."""
    several = trial.attributes.get("best_epochs", [])
    return f"{', '.join(map(str, several)) or trial.best_epoch or '–'} of {trial.epochs}"


def _at_best(side: Side, name: str) -> str:
    """A metric of the best epoch: the mean over folds and repeats."""
    first, way = objectives.of_study(side.study.config)[0], side.study.direction
    best = curves.at_best(side.history, objectives.recorded(first), objectives.sign(way))
    return "–" if best is None else words.number(best[name])


def _at_last(side: Side) -> str:
    """Validation and training loss of the last epoch."""
    if not side.history:
        return "–"
    last = side.history[-1]
    numbers = [words.number(curves.number(last, name)) for name in ("val_loss", "loss")]
    return f"{numbers[0]}, training {numbers[1]}"


def _seconds(trial: TrialRecord) -> float | None:
    if trial.started_at is None or trial.finished_at is None:
        return None
    return trial.finished_at - trial.started_at


def _shown(value: Any) -> str:
    return "–" if value is None else words.value(value)
