"""The fit of an estimator: a study in this process, and the model of its best trial."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from studyhall.search.api import in_process
from studyhall.search.cli import opening
from studyhall.search.display.terminal import remark
from studyhall.search.evaluation import no_result, reloading
from studyhall.search.process import quiet
from studyhall.search.process.stop import Stop
from studyhall.search.scripts import alone
from studyhall.search.study import chosen_backend, creation, inspection, record
from studyhall.search.study.fingerprints import Inspection
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.sections import StudyFile
from studyhall.search.trial import exporting
from studyhall.search.trial.blueprints import Blueprint
from studyhall.storage.database import Database
from studyhall.storage.queries import records, status
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies.rows import Study


@dataclass(frozen=True)
class Fit:
    """The result of a study for an estimator.

    Attributes:
        model: the best trial's Keras model, which takes samples as they came.
        classes: names of the classes, in the order of the model's outputs; none for regression.
        best: the best trial.
        trials: all trials.
    """

    model: Any
    classes: tuple[str, ...]
    best: TrialRecord
    trials: Sequence[TrialRecord]


def fit(file: StudyFile, folder: Path, url: str) -> Fit:
    """Run a study to its end in this process, or go on with it, and load its best model.

    Args:
        file: the study file.
        folder: the folder that its paths start from.
        url: URL of the database.

    Raises:
        ConfigError: something is not as expected, or no trial has completed.
        KeyboardInterrupt: it was interrupted; the next fit goes on if the study has a name.
    """
    path, stop = folder / file.study.name, Stop()
    file = chosen_backend.of_file(file, path)
    quiet.import_keras()
    found = _without_test_set(inspection.inspect(file, path))
    creation.check_artifacts(file, path.name)
    with closing(Database.open(url)) as db:
        study = opening.open_or_create(db, file, path, found, tell=remark)
        with alone.listening(stop):
            plan = in_process.train(db, study, stop)
        if stop.code == 128 + signal.SIGINT:
            raise KeyboardInterrupt
        if status.status(db, study).incumbent is None:
            raise ConfigError([*no_result.lines(db, study, "")])
        trials = records.trials(db, study)
        (best,), _ = records.best(db, study, 1)
        return Fit(reloaded(study, plan, best), plan.data.classes, best, trials)


def _without_test_set(found: Inspection) -> Inspection:
    """Leave out what is said of the test set: the caller has another, and ours is never used."""
    from studyhall.search.data import duplicates  # needs scikit-learn

    notes = [each for each in found.about["notes"] if not duplicates.is_of_test(each)]
    return replace(found, about={**found.about, "notes": notes})


def predicted(model: Any, x: Any) -> Any:
    """Return a model's outputs, (N, outputs), for samples as they came."""
    return exporting.predict(model, x)


def reloaded(study: Study, plan: Blueprint, trial: TrialRecord) -> Any:
    """Return the model that a trial has kept.

    Raises:
        ConfigError: it can't be loaded.
    """
    try:
        return reloading.loaded(trial, plan, record.objects(study))
    except reloading.NotProvenError as error:
        where = f"{study.name}: trial {trial.number}"
        raise ConfigError([f"{where}: {reason}" for reason in error.args]) from error
