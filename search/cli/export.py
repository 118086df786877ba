"""The command `export`: write a study's trials to a file, or copy the study elsewhere."""

from __future__ import annotations

import importlib.util
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from studyhall.search.cli.options import Name, Storage, find, storage_option, writing
from studyhall.search.diagnosis import judging
from studyhall.search.display.terminal import say
from studyhall.search.interchange import rows, table_files
from studyhall.search.study_file import study_names
from studyhall.search.study_file.config_error import ConfigError
from studyhall.spaces import spelling
from studyhall.storage.database import Database
from studyhall.storage.database.urls import default_url, shown
from studyhall.storage.queries import records
from studyhall.storage.studies.rows import Study

DATABASES = ("sqlite:", "postgresql:", "postgresql+psycopg:")
MLFLOW = "mlflow:"
EXPECTED = (
    "FILE.parquet, FILE.csv, FILE.json, one of these endings alone, sqlite:///FILE.db, "
    "postgresql://USER@HOST/DATABASE or mlflow:URI"
)


def export(
    name: Name,
    to: Annotated[str, typer.Option(metavar="TARGET", help="Where to.")],
    epochs: Annotated[
        bool, typer.Option("--epochs", help="Write a second file with a row per epoch too.")
    ] = False,
    artifacts: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER|s3://…",
            help="Copy checkpoints and models there, for a copy that is independent.",
        ),
    ] = None,
    storage: Storage = None,
) -> None:
    """Write a study's trials to a file or to MLflow, or move the study to another database."""
    is_database = to.startswith(DATABASES)
    _refuse_misplaced(to, epochs, artifacts)
    to_mlflow = to.startswith(MLFLOW)
    path = None if is_database or to_mlflow else _file(name, to)
    with closing(Database.open(storage or default_url(), create=False)) as db:
        study = find(db, name)
        if path is not None:
            _write(db, study, path, epochs)
        elif to_mlflow:
            _log(db, study, to.removeprefix(MLFLOW))
        else:
            _move(db, study, to, artifacts)


def _refuse_misplaced(to: str, epochs: bool, artifacts: str | None) -> None:
    """Refuse options that mean nothing for the target.

    Raises:
        ConfigError: there are some.
    """
    problems, is_database = [], to.startswith(DATABASES)
    if epochs and (is_database or to.startswith(MLFLOW)):
        problems.append(f"--epochs: received the target {shown(to)}, expected a file")
    if artifacts is not None and not is_database:
        problems.append(f"--artifacts: received the target {shown(to)}, expected a database")
    if problems:
        raise ConfigError(problems)


def _log(db: Database, study: Study, uri: str) -> None:
    """Write the study's trials as runs of MLflow."""
    if importlib.util.find_spec("mlflow") is None:
        install = "pip install 'studyhall[mlflow]'"
        raise ConfigError([f"--to: received mlflow:…, which needs mlflow: {install}"])
    from studyhall.search.interchange import mlflow_export  # imports MLflow: slow

    written, left, has_model = mlflow_export.export(db, study, uri)
    trials = spelling.counted(written, "trial")
    say(f'experiment "{study.name}" at {shown(uri)}: {trials}')
    if left:
        said = spelling.counted(left, "running trial")
        say(f"left out: {said}; the same command adds what has ended later")
    if not has_model:
        first = f"studyhall best {study.name} --export FOLDER{storage_option(str(db))}"
        say(f"no model: it is proven and exported first by {first}")


def _move(db: Database, study: Study, to: str, artifacts: str | None) -> None:
    from studyhall.search.interchange import study_copy  # opens databases as Optuna does: slow

    study_copy.move(db, study, to, artifacts)
    trials, there = spelling.counted(len(records.trials(db, study)), "trial"), shown(to)
    if artifacts is None:
        say(f'study "{study.name}" with {trials}: moved to {there}')
        say(f"it goes on there alone, with its artifacts at {study.config.get('artifacts')}")
    else:
        say(f'study "{study.name}" with {trials}: copied to {there}, with its artifacts')


def _file(name: str, to: str) -> Path:
    """Return the file that a target names: `csv` alone stands for STUDY.csv.

    Raises:
        ConfigError: its ending is unknown.
    """
    path = Path(f"{study_names.legal(name)}.{to}") if to in table_files.FORMATS else Path(to)
    if path.suffix.lower().removeprefix(".") not in table_files.FORMATS:
        raise ConfigError([f"--to: received {to!r}, expected {EXPECTED}"])
    return path


def _write(db: Database, study: Study, path: Path, epochs: bool) -> None:
    """Write the table of trials, and beside it that of epochs, if asked for."""
    form = path.suffix.lower().removeprefix(".")
    trials = records.trials(db, study)
    judged = judging.of_study(db, study, trials)
    told = rows.told(trials, {n: each.to_json() for n, each in judged.items() if each is not None})
    with writing(path):
        table_files.write(told if form == "json" else rows.of_trials(told), path, form)
    say(f"{path}: {spelling.counted(len(trials), 'trial')}")
    if epochs:
        beside = path.with_name(f"{path.stem}-epochs{path.suffix}")
        found = rows.of_epochs(db, study, trials)
        with writing(beside):
            table_files.write(found, beside, form)
        say(f"{beside}: {spelling.counted(len(found), 'epoch')}")
