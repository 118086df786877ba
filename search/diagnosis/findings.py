"""All findings about a study, read once: for its report, its note and the next study file."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from studyhall.search.diagnosis import judging, tendencies
from studyhall.search.diagnosis.tendencies import OfHyperparameter
from studyhall.search.diagnosis.verdict import Verdict
from studyhall.search.process import quiet
from studyhall.search.study import record
from studyhall.search.study.record import Stored
from studyhall.search.study_file import objectives, own_code
from studyhall.spaces import asked
from studyhall.spaces.entry import Entry
from studyhall.spaces.space import Space, read_space
from studyhall.storage.database import Database
from studyhall.storage.queries import frozen, records, status
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.queries.status import Status
from studyhall.storage.studies.rows import Study


@dataclass(frozen=True)
class Findings:
    """A study with its trials, their verdicts and the findings derived from them.

    Attributes:
        study: the study.
        stored: its record.
        status: its current status.
        trials: its trials, in the order of their numbers.
        verdicts: the verdict on each trial, by number.
        optuna: an in-memory Optuna study with the same trials.
    """

    study: Study
    stored: Stored
    status: Status
    trials: Sequence[TrialRecord]
    verdicts: Mapping[int, Verdict | None]
    optuna: optuna.Study

    @property
    def complete(self) -> list[TrialRecord]:
        """The complete trials, best first."""
        return records.best_first(self.trials, self.study)

    @cached_property
    def space(self) -> Space:
        """The study's search space, including what the user's own function asks for."""
        file = self.stored.file
        written = read_space(dict(file.space), family=file.model.family)
        trials = self.optuna.get_trials(deepcopy=False)
        return replace(written, entries=(*written.entries, *_asked_for(written, trials)))

    @cached_property
    def hyperparameters(self) -> list[OfHyperparameter]:
        """The findings on each searched hyperparameter, the most important first."""
        return tendencies.of_study(self.space, self.optuna, self.verdicts)

    @property
    def tried(self) -> dict[str, Counter[Any]]:
        """The number of trials with each value, for each entry of the space."""
        trials = self.optuna.get_trials(deepcopy=False)
        return {
            entry.name: Counter(
                value for trial in trials for value in tendencies.values_of(entry, trial)
            )
            for entry in self.space.entries
        }


def _asked_for(written: Space, trials: Sequence[FrozenTrial]) -> list[Entry]:
    """Return entries for what the code asked for beyond ``[space]``; varying ranges are merged."""
    found: dict[str, Entry] = {}
    for trial in trials:
        for entry in asked.beyond(written.entries, trial.distributions):
            found[entry.name] = _wider(entry, found.get(entry.name))
    return list(found.values())


def _wider(one: Entry, other: Entry | None) -> Entry:
    if other is None or one.choices or other.choices:
        return one if other is None else other
    return replace(one, low=min(one.low, other.low), high=max(one.high, other.high))


def read(db: Database, study: Study) -> Findings:
    """Read a study from the database and judge its trials."""
    trials = records.trials(db, study)
    return Findings(
        study,
        record.stored(study),
        status.status(db, study),
        trials,
        judging.of_study(db, study, trials),
        in_memory(db, study),
    )


def in_memory(db: Database, study: Study, count: int = 1) -> optuna.Study:
    """Copy a study into an in-memory Optuna study, so that plots read the database only once.

    Args:
        db: the study's database.
        study: the study.
        count: number of objectives to keep; trials are ranked by the first one.
    """
    directions = [StudyDirection[each.upper()] for each in study.directions[:count]]
    found = quiet.optuna_study(study_name=study.name, directions=directions)
    with warnings.catch_warnings():  # Optuna warns that metric names are experimental
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        found.set_metric_names([*map(own_code.name_of, objectives.of_study(study.config)[:count])])
    for trial in frozen.of_study(db, study.study_id):
        known = (trial.values or [])[:count]
        trial.values = known if len(known) == count else None  # a stopped trial has only the first
        found.add_trial(trial)
    return found
