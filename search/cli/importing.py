"""The commands `adopt` and `import-keras-tuner`: studies that other tools have begun."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from studyhall.search.cli.options import Name, Storage, storage_option
from studyhall.search.display.terminal import remark, say
from studyhall.search.study_file import study_names
from studyhall.spaces import spelling
from studyhall.storage.database import Database
from studyhall.storage.database.urls import default_url
from studyhall.storage.studies.rows import Study


def adopt(name: Name, storage: Storage = None) -> None:
    """Take an Optuna study of the database in: its trials stay, commands show them."""
    from studyhall.search.study import foreign
    from studyhall.storage.queries import status

    url = storage or default_url()
    with closing(Database.open(url, create=False)) as db:
        study = foreign.adopt(db, name)
        count = status.status(db, study).finished
    trials = spelling.counted(count, "trial")
    say(f'study "{name}" with {trials}: adopted; see studyhall status{storage_option(url)}')


def import_keras_tuner(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The project folder of KerasTuner.")
    ],
    name: Annotated[
        str | None, typer.Option(help="Name of the study; default: that of the folder.")
    ] = None,
    objective: Annotated[
        str | None,
        typer.Option(
            metavar="min:NAME|max:NAME", help="What was optimized, where the folder does not tell."
        ),
    ] = None,
    storage: Storage = None,
) -> None:
    """Make a study of a project folder of KerasTuner."""
    imported(folder, name, objective, storage or default_url())


def imported(folder: Path, name: str | None, objective: str | None, url: str) -> Study:
    """Make a study of a project folder of KerasTuner, say so, and return it.

    Args:
        folder: the project folder.
        name: name of the study; None: that of the folder.
        objective: ``min:NAME`` or ``max:NAME``, where the folder does not tell; else None.
        url: URL of the database.

    Raises:
        ConfigError: there is no such folder, or it has no name that a study may have.
        StorageError: a study of this name exists.
    """
    from studyhall.search.interchange import tuner_import  # imports Optuna: slow
    from studyhall.storage.queries import status

    called = study_names.check(folder.resolve().name if name is None else name, "--name")
    with closing(Database.open(url)) as db:
        study, left = tuner_import.create(db, folder, called, objective)
        state = status.status(db, study)
    if left:
        remark(f"{folder}: left out: {spelling.counted(left, 'trial')} that had not ended")
    trials = spelling.counted(state.finished, "trial")
    made = f'study "{study.name}" with {trials} on {state.objective}'
    say(f"{made}; see studyhall trials {study.name}{storage_option(url)}")
    return study
