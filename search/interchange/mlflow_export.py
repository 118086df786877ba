"""The export of a study to MLflow: a run for each trial, and the best model as its artifact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from studyhall.search.diagnosis import judging
from studyhall.search.display import words
from studyhall.search.evaluation import best, exported_files
from studyhall.search.evaluation.best import Best
from studyhall.search.interchange.rows import Row
from studyhall.search.study import record
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.trial import listening
from studyhall.search.trial.mlflow_run import MlflowRun
from studyhall.storage.database import Database
from studyhall.storage.database.urls import shown
from studyhall.storage.queries import records
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies.rows import Study


def export(db: Database, study: Study, uri: str) -> tuple[int, int, bool]:
    """Write a run for each trial that has ended; one that is there gets what it lacks.

    Args:
        db: the database of the study.
        study: the study.
        uri: MLflow's tracking URI.

    Returns:
        How many trials were written, how many left out since they are running, and whether the best
        trial's run has its model.

    Raises:
        ConfigError: MLflow can't be reached, or refuses something.
    """
    trials = records.trials(db, study)
    ended = [trial for trial in trials if trial.state != "RUNNING"]
    verdicts = {
        number: verdict.name
        for number, verdict in judging.of_study(db, study, trials).items()
        if verdict is not None
    }
    histories = records.histories(db, study)
    winner = _winner(db, study, ended)
    try:
        for trial in ended:
            run = _written(study, uri, trial, histories.get(trial.trial_id, []), verdicts)
            if winner is not None and winner.trial.number == trial.number:
                _store(run, winner)
    except OSError as error:
        raise ConfigError([f"--to mlflow:{shown(uri)}: {error}"]) from error
    return len(ended), len(trials) - len(ended), winner is not None


def _written(
    study: Study,
    uri: str,
    trial: TrialRecord,
    history: Sequence[Row],
    verdicts: Mapping[int, str],
) -> MlflowRun:
    ended = trial.finished_at or 0.0
    run = MlflowRun(uri, study, trial.number, (trial.started_at or ended, ended))
    file = record.stored(study).file
    told = listening.past(history, file.data.folds, file.training.repeats)
    run.begin(trial.params, told)
    run.tag(
        {
            "name": words.name(trial),
            "worker": trial.worker,
            "verdict": verdicts.get(trial.number),
            "seconds": trial.attributes.get("seconds"),
            "best_epoch": trial.best_epoch,
            "reason": trial.attributes.get("reason"),
            "stopped": trial.attributes.get("stopped"),
        }
    )
    run.end(trial.state, trial.value)
    return run


def _winner(db: Database, study: Study, ended: Sequence[TrialRecord]) -> Best | None:
    """Return the best trial, if its model has been exported."""
    if not any(trial.state == "COMPLETE" for trial in ended):
        return None
    found = best.read(db, study)
    return found if exported_files.is_whole(found) and not found.failed else None


def _store(run: MlflowRun, winner: Best) -> None:
    assert winner.folder is not None
    for name in winner.files:
        run.store(winner.folder / name)
