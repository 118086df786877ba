"""The command `stop`: stop a study, or one of its trials."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from studyhall.search.cli import stopping
from studyhall.search.cli.options import Name, Storage, find, finite, storage_option
from studyhall.search.study_file.limits import MOST, MOST_TIME
from studyhall.storage.database import Database
from studyhall.storage.database.urls import default_url


def stop(
    name: Name,
    storage: Storage = None,
    trial: Annotated[
        int | None, typer.Option(min=0, max=MOST, help="End only this trial, as pruned.")
    ] = None,
    wait: Annotated[
        float,
        typer.Option(
            min=0,
            max=MOST_TIME,
            callback=finite,
            metavar="SECONDS",
            help="Wait up to this long for the workers to stop.",
        ),
    ] = 0,
) -> None:
    """Ask all workers of a study, on all machines, to save a checkpoint and stop."""
    url = storage or default_url()
    with closing(Database.open(url, create=False)) as db:
        study = find(db, name)
        if trial is not None:
            stopping.stop_trial(db, study, trial)
            return
        go_on = f"studyhall resume {name}{storage_option(url)}"
        code = stopping.stop(db, study, wait, go_on)
    raise typer.Exit(code)
