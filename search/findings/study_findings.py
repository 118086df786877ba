"""All that is found out about a study, read once: for its report, its note and its next file."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import optuna
from optuna.study import StudyDirection

from search import creation
from search.creation import Stored
from search.findings import tendencies, verdicts
from search.findings.tendencies import OfHyperparameter
from search.findings.verdicts import Verdict
from search.study_file import objectives
from spaces.space import Space, read_space
from storage import records
from storage import status as standing
from storage.database import Database
from storage.reader import Reader
from storage.records import TrialRecord
from storage.status import Status
from storage.studies import Study


@dataclass(frozen=True)
class Findings:
    """A study with its trials and what they say.

    Attributes:
        trials: by number.
        verdicts: on each of them, by number.
        optuna: the same trials as Optuna's, in memory.
    """

    study: Study
    stored: Stored
    status: Status
    trials: Sequence[TrialRecord]
    verdicts: Mapping[int, Verdict | None]
    optuna: optuna.Study

    @property
    def complete(self) -> list[TrialRecord]:
        """Trials with a value, the best first."""
        found = [t for t in self.trials if t.state == "COMPLETE" and t.value is not None]
        sign = objectives.sign(self.study.direction)
        return sorted(found, key=lambda trial: (sign * (trial.value or 0.0), trial.number))

    @cached_property
    def space(self) -> Space:
        """The study's search space."""
        return read_space(dict(self.stored.file.space), family=self.stored.file.model.family)

    @cached_property
    def hyperparameters(self) -> list[OfHyperparameter]:
        """The verdict on each searched hyperparameter, the most important first."""
        return tendencies.of_study(self.space, self.optuna, self.verdicts)

    @property
    def tried(self) -> dict[str, Counter[Any]]:
        """How often each value of each entry was taken."""
        trials = self.optuna.get_trials(deepcopy=False)
        return {
            entry.name: Counter(
                value for trial in trials for value in tendencies.values_of(entry, trial)
            )
            for entry in self.space.entries
        }


def read(db: Database, study: Study) -> Findings:
    """Read a study and judge its trials."""
    trials = records.trials(db, study)
    return Findings(
        study,
        creation.stored(study),
        standing.status(db, study),
        trials,
        verdicts.of_study(db, study, trials),
        in_memory(db, study),
    )


def in_memory(db: Database, study: Study, count: int = 1) -> optuna.Study:
    """A study as Optuna's, so that importances and plots read the database once.

    Args:
        count: of several objectives it has the first so many; trials are ranked by the first one.
    """
    directions = [StudyDirection[each.upper()] for each in study.directions[:count]]
    found = optuna.create_study(study_name=study.name, directions=directions)
    with warnings.catch_warnings():  # Optuna calls it experimental
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        found.set_metric_names(objectives.of_study(study.config)[:count])
    for trial in Reader(db).get_all_trials(study.study_id):
        known = (trial.values or [])[:count]
        trial.values = known if len(known) == count else None  # stopped by hand: the first only
        found.add_trial(trial)
    return found
