"""The hidden commands that studyhall runs in processes of its own."""

from __future__ import annotations

import json
import sys
from contextlib import closing, redirect_stdout, suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from studyhall.search.cli.options import File, Name, Storage, find
from studyhall.search.evaluation.proof_result import NOT_PROVEN
from studyhall.search.process import device, quiet, stand_ins, waiting
from studyhall.search.process.stop import Stop, StopNow
from studyhall.search.scripts import script
from studyhall.search.study import chosen_backend, inspection, proposal, record
from studyhall.search.study import unchanged as comparison
from studyhall.search.study_file import config
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.database import Database
from studyhall.storage.database.urls import default_url
from studyhall.storage.studies.rows import Study


def inspect(
    file: File, seed: int = 0, once: Annotated[bool, typer.Option("--once")] = False
) -> None:
    """Print the fingerprints of a study file's data and code as JSON."""
    study_file = chosen_backend.of_file(config.load(file, {"study": {"seed": seed}}), file)
    inspection.glance(study_file, file)
    loaded = inspection.load_early(study_file, file)
    quiet.import_keras()  # the user's code usually imports it anyway
    from studyhall.search.evaluation import round_trip

    tried = None if once else round_trip.refuse  # a repeated inspection has already tried it
    found = inspection.inspect(study_file, file, once=once, tried=tried, loaded=loaded)
    print(inspection.to_json(found))


def propose(
    written: Annotated[str, typer.Argument(metavar="FILE-AS-JSON")],
    path: Path,
    minutes: float = proposal.MINUTES,
    trials: Annotated[int | None, typer.Option()] = None,
    seed: int = 0,
) -> None:
    """Print a study file for data that only Keras can read, as JSON."""
    told = json.loads(written)
    study_file = chosen_backend.of_file(config.from_dict(told, path.name), path)
    quiet.import_keras()
    budget = proposal.Budget(minutes, trials, seed)
    print(proposal.of_data(study_file, path, budget).to_json())


def unchanged(name: Name, storage: Storage = None) -> None:
    """Check that a study's data and code, which import Keras, are those it began with."""
    with closing(Database.open(storage or default_url(), create=False)) as db:
        study = find(db, name)
        chosen_backend.of_study(study)
        quiet.import_keras()
        stored = record.stored(study)
        comparison.load(stored, stored.folder, study)


def retrain(purpose: str, name: Name, storage: Storage = None) -> None:
    """Work on a study's planned retrainings, such as its confirmation, until none is left."""
    stop = Stop()
    stop.listen()  # before the slow import, so that a signal during it is not lost
    with (
        suppress(StopNow),
        waiting.leaving(stop),
        closing(Database.open(storage or default_url(), create=False)) as db,
    ):
        waiting.stoppable(db, stop)
        study = find(db, name)
        chosen_backend.of_study(study)
        quiet.import_keras()
        device.limit_memory()
        from studyhall.search.retraining import hidden_trials

        hidden_trials.work(db, study, purpose, stop)
    raise typer.Exit(stop.code)


def convert(
    name: Name,
    targets: Annotated[list[str], typer.Argument(metavar="FORMAT=PATH …")],
    storage: Storage = None,
    trial: Annotated[int | None, typer.Option()] = None,
) -> None:
    """Convert a study's proven model into other formats; print what came of it as JSON."""
    url = storage or default_url()
    with closing(Database.open(url, create=False)) as db:
        study = find(db, name)
        chosen_backend.of_study(study)
        quiet.import_keras()
        conversion = _conversion(db, url, study, trial)
    made = [conversion.convert(form, Path(path))
            for form, _, path in (each.partition("=") for each in targets)]  # fmt: skip
    print(json.dumps(made))


def _conversion(db: Database, url: str, study: Study, trial: int | None) -> Any:
    """Return the conversions of a study's proven model; what a script prints goes to stderr."""
    if script.recorded(study) is None:
        from studyhall.search.evaluation import conversion

        return conversion.of_study(db, study, trial)
    from studyhall.search.scripts import script_conversion

    with redirect_stdout(sys.stderr):
        stand_ins.install()
        return script_conversion.of_script(db, url, study, trial)


def serve(form: str, model: Path, samples: Path, predictions: Path) -> None:
    """Predict samples by an exported model's own runtime, and write what it predicts."""
    from studyhall.search.evaluation import serving

    serving.answer(form, model, samples, predictions)


def finish(
    name: Name,
    storage: Storage = None,
    again: Annotated[bool, typer.Option("--again")] = False,
    trial: Annotated[int | None, typer.Option()] = None,
) -> None:
    """Export, prove and test a study's best model; print its card as JSON."""
    with closing(Database.open(storage or default_url(), create=False)) as db:
        study = find(db, name)
        chosen_backend.of_study(study)
        quiet.import_keras()
        from studyhall.search.evaluation import proof
        from studyhall.search.report import dashboard_note

        try:
            if script.recorded(study) is not None:
                card = _of_script(db, storage or default_url(), study, trial)
            else:
                card = proof.finish(db, study, again=again, number=trial)
            dashboard_note.pin(db, study)
        except (proof.ProofError, OSError) as error:
            raise ConfigError([str(error)]) from error
    print(json.dumps(card))
    raise typer.Exit(0 if card["proven"] else NOT_PROVEN)


def _of_script(db: Database, url: str, study: Study, trial: int | None) -> dict[str, Any]:
    """Prove the best model of a script's study; what the script prints goes to stderr."""
    from studyhall.search.scripts import script_proof

    with redirect_stdout(sys.stderr):
        stand_ins.install()
        return script_proof.finish(db, url, study, trial)
