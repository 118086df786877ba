"""The comparison of studies or trials: results, differences, and whether these are significant.

The usual comparisons are supported: smaller, original and bigger, with L2, with dropout.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from studyhall.search.diagnosis import judging
from studyhall.search.diagnosis.verdict import Verdict
from studyhall.search.display import curves, words
from studyhall.search.evaluation import significance, winner
from studyhall.search.evaluation.significance import MeanDifference
from studyhall.search.study import record
from studyhall.search.study_file import objectives, own_code
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
    """One of the things compared: a trial, or the best trial of a study.

    Attributes:
        name: name as given on the command line.
        study: the study.
        trial: the trial.
        history: its epochs, flat.
        verdict: diagnosis of its learning curves, if any.
    """

    name: str
    study: Study
    trial: TrialRecord
    history: list[dict[str, Any]]
    verdict: Verdict | None

    @property
    def values(self) -> dict[str, Any]:
        """The hyperparameters, including defaults where they are known."""
        return self.trial.attributes.get("values") or self.trial.params

    @property
    def folds(self) -> list[float]:
        """The value of each fold; empty without folds."""
        return list(self.trial.attributes.get("folds", []))

    @property
    def repeats(self) -> list[float]:
        """The value of each repeat; empty without repeats."""
        return list(self.trial.attributes.get("repeats", []))


def sides(db: Database, names: Sequence[str]) -> list[Side]:
    """Find the studies (``STUDY``) and trials (``STUDY:NUMBER``) to compare.

    Raises:
        ConfigError: some names match nothing; it lists all of them.
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
    """Return a table of results with one column per side."""
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
    """Return a table of the hyperparameters that differ, with one column per side."""
    names = dict.fromkeys(name for side in compared for name in side.values)
    rows = [[name, *(_shown(side.values.get(name)) for side in compared)] for name in names]
    return ["", *(side.name for side in compared)], [row for row in rows if len({*row[1:]}) > 1]


def remarks(compared: Sequence[Side]) -> Iterator[str]:
    """Yield the reasons why values can't be compared, or else the significance of differences."""
    if len({side.study.config["inspection"]["data"] for side in compared}) > 1:
        yield "data or splits differ: the losses can't be compared"
        return
    if _objective(compared) == "value":
        yield "objectives differ: the values can't be compared"
        return
    if len({_loss(side) for side in compared}) > 1:
        yield "loss functions differ: the values can't be compared"
        return
    tested = differences(compared)
    yield from (each.sentence() for each in tested)
    if not tested:
        ours = "the same folds ([data] folds) or repeats ([training] repeats)"
        theirs = "executions_per_trial of KerasTuner, or the same folds in the objective,"
        by_script = any(record.SCRIPT in side.study.config for side in compared)
        how = theirs if by_script else ours
        yield f"one value each: use {how} to tell a difference from chance"


def differences(compared: Sequence[Side]) -> list[MeanDifference]:
    """Test each pair of sides with the same folds, and each pair without folds over its repeats."""
    folds = [(side.name, side.folds) for side in compared]
    repeats = [(side.name, side.repeats) for side in compared if side.repeats and not side.folds]
    return [*significance.over_folds(folds), *significance.over_seeds(repeats)]


def _loss(side: Side) -> tuple[str, ...]:
    """Return the loss that was minimised; a loss of the user's own is identified by its code."""
    own = side.trial.attributes.get("own_loss", "")
    named = own or side.study.config["file"]["training"]["loss"]
    unknown = named == "unknown" or any(map(own_code.is_own, own_code.each_of(named)))
    return (str(named), *(side.study.config["inspection"]["code"].values() if unknown else ()))


def _side(db: Database, name: str) -> Side:
    one = ONE_TRIAL.fullmatch(name)
    study = studies.find(db, one[1] if one else name)
    if study is None:
        known = ", ".join(studies.names(db)) or "none"
        expected = f"STUDY or STUDY:NUMBER; studies: {known}"
        raise ConfigError([f"study: received {name!r}, expected {expected}"])
    trials = records.trials(db, study)
    trial = _of_number(trials, int(one[2])) if one else _winner(db, study)
    if trial is None:
        what = f"a trial of {study.name}" if one else "a study with a complete trial"
        raise ConfigError([f"study: received {name!r}, expected {what}"])
    history = curves.flat(records.history(db, trial.trial_id))
    return Side(name, study, trial, history, judging.of_trial(db, study, trials, trial))


def _of_number(trials: Sequence[TrialRecord], number: int) -> TrialRecord | None:
    return next((trial for trial in trials if trial.number == number), None)


def _winner(db: Database, study: Study) -> TrialRecord | None:
    found = winner.read(db, study)
    return None if found is None else found.trial


def _best_epoch(trial: TrialRecord) -> str:
    """Return the best epoch, or that of each training if the trial has several."""
    several = trial.attributes.get("best_epochs", [])
    if trial.best_epoch and not several:
        return words.out_of(trial.best_epoch, trial.epochs)
    return f"{', '.join(map(str, several)) or '–'} of {trial.epochs}"


def _at_best(side: Side, name: str) -> str:
    """Return a metric at the best epoch, averaged over folds and repeats."""
    first, way = objectives.of_study(side.study.config)[0], side.study.direction
    best = curves.at_best(side.history, objectives.recorded(first), objectives.sign(way))
    return "–" if best is None else words.number(best[name])


def _at_last(side: Side) -> str:
    """Return validation and training loss of the last epoch."""
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
