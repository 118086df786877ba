"""The results of a study for Python: the best trial with its model, and all trials as a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studyhall.search.api.best_trial import BestTrial
from studyhall.search.evaluation import best as winners
from studyhall.search.evaluation import exported_files, proof_result
from studyhall.search.process import handover, quiet
from studyhall.search.scripts import answers, script
from studyhall.search.scripts.session import Searched
from studyhall.search.study import record
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.database import Database
from studyhall.storage.queries import records
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies.rows import Study

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("number", "state", "value", "best_epoch", "seconds")
TESTED = "scores"

Rebuilt = Callable[[TrialRecord], Any]


def best(
    url: str,
    study: Study,
    rebuilt: Rebuilt | None = None,
    handed: Mapping[str, Any] | None = None,
) -> BestTrial:
    """Return the best trial of a study so far.

    Args:
        url: URL of the database.
        study: the study.
        rebuilt: builds the model of a trial and gives it its weights, where Keras can't load it
            without the code that has built it; default: Keras alone.
        handed: what only this program has, by what stands for it in a study file.

    Raises:
        ConfigError: no trial is complete.
        RuntimeError: the process that proves the model failed.
    """
    if script.recorded(study) is not None:
        return _of_script(Searched(url, study), rebuilt)
    return _of_file(url, study, handed or {})


def _of_file(url: str, study: Study, handed: Mapping[str, Any]) -> BestTrial:
    from studyhall.search.cli import finishing  # imports the training modules: slow

    with closing(Database.open(url, create=False)) as db:
        found = winners.read(db, study)
        if not (found.finished or found.failed):
            with handover.offered(handed, study.name):
                finishing.finish(db, study, url)
            found = winners.read(db, study)
    tested = found.test[TESTED] if found.test else None
    trial = found.trial
    return BestTrial(
        trial.number,
        float(trial.value or 0.0),
        trial.params,
        tested,
        found.folder,
        lambda: _exported(study, found),
        lambda path, forms: _export(url, study, trial.number, path, forms, handed),
    )


def _export(
    url: str,
    study: Study,
    number: int,
    path: Path,
    forms: Sequence[str],
    handed: Mapping[str, Any],
) -> None:
    """Export the model of a trial as the command `best --export` does.

    Raises:
        ConfigError: it is not proven, or can't be written or converted.
    """
    from studyhall.search.cli import best as command

    with handover.offered(handed, study.name):
        found, _ = command.read(study.name, url, path, forms, trial=number)
    if found.failed:
        why = proof_result.why_not(found.proof or {})
        raise ConfigError([f"{study.name}: trial {number} is not proven: {why}"])


def _exported(study: Study, found: winners.Best) -> Any:
    """Return the exported model.

    Raises:
        ConfigError: there is none, or its files were altered.
    """
    if found.folder is None:
        why = (found.proof or {}).get("why") or "it is not proven"
        raise ConfigError([f"{study.name}: trial {found.trial.number} has no model: {why}"])
    if not exported_files.is_whole(found):
        raise ConfigError([f"{study.name}: the model in {found.folder} was altered or is gone"])
    keras = _keras()

    if tuple(found.load or winners.PLAIN) == winners.PLAIN:
        return keras.models.load_model(found.folder / found.model)
    return _with_own_code(study, found)


def _keras() -> Any:
    """Import Keras without TensorFlow's log lines."""
    quiet.import_keras()
    import keras

    return keras


def _with_own_code(study: Study, found: winners.Best) -> Any:
    """Return the model of a user's own builder, loaded or built anew as for its proof."""
    from studyhall.search import worker
    from studyhall.search.api import fitting

    stored = record.stored(study)
    plan = worker.plan_of(stored, stored.folder, study)
    return fitting.reloaded(study, plan, found.trial)


def _of_script(searched: Searched, rebuilt: Rebuilt | None) -> BestTrial:
    first = answers.best(searched, 1)
    if not first:
        problem = "received no complete trial yet, expected at least one"
        raise ConfigError([f'study "{searched.study.name}": {problem}'])
    (trial,) = first
    kept = trial.attributes.get("model")
    folder = record.objects(searched.study).path(kept).parent if kept else None
    return BestTrial(
        trial.number,
        float(trial.value or 0.0),
        trial.attributes.get("values") or trial.params,
        trial.attributes.get("metrics"),
        folder,
        lambda: _kept(searched, trial, rebuilt),
        lambda path, forms: _export(searched.url, searched.study, trial.number, path, forms, {}),
    )


def _kept(searched: Searched, trial: TrialRecord, rebuilt: Rebuilt | None) -> Any:
    """Return the model that a trial of a script has kept."""
    if rebuilt is not None:
        return rebuilt(trial)
    keras = _keras()

    path = answers.model_file(searched, trial)
    try:
        return keras.models.load_model(path)
    except Exception as error:  # the model's own classes may raise anything
        said = f"received {path}, which Keras can't load ({error}), expected one it can"
        raise ConfigError([f"{searched.study.name}: trial {trial.number}: {said}"]) from error


def frame(trials: Sequence[TrialRecord]) -> pd.DataFrame:
    """Return trials as a table: a row per trial, a column per hyperparameter.

    The columns are number, state, value, best_epoch (from 1), seconds (of training), and the
    hyperparameters by name; `params_` precedes a name that one of the others has.
    """
    import pandas as pd

    names = list(dict.fromkeys(name for trial in trials for name in trial.params))
    columns = {name: f"params_{name}" if name in COLUMNS else name for name in names}
    rows = [
        {
            "number": trial.number,
            "state": trial.state,
            "value": trial.value,
            "best_epoch": trial.best_epoch,
            "seconds": _seconds(trial),
            **{columns[name]: value for name, value in trial.params.items()},
        }
        for trial in trials
    ]
    found = pd.DataFrame(rows, columns=[*COLUMNS, *columns.values()])
    return found.astype({"value": float, "best_epoch": "Int64", "seconds": float})


def verdicts(db: Database, study: Study) -> pd.DataFrame:
    """Return what the curves of each trial say: number, verdict, confidence, shows, advice."""
    import pandas as pd

    from studyhall.search.diagnosis import judging

    found = judging.of_study(db, study, records.trials(db, study))
    told = [(number, {} if each is None else each.to_json()) for number, each in found.items()]
    rows = [
        (number, each.get("name"), each.get("confidence"), each.get("shows"), _said(each))
        for number, each in told
    ]
    return pd.DataFrame(rows, columns=["number", "verdict", "confidence", "shows", "advice"])


def _said(verdict: Mapping[str, Any]) -> str | None:
    return "; ".join(verdict["advice"]) if verdict else None


def _seconds(trial: TrialRecord) -> float | None:
    spent = trial.attributes.get("seconds")
    return float(sum(spent.values())) if isinstance(spent, dict) else None
