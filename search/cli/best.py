"""The command `best`: show a study's best trial and export its model."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from studyhall.search.cli.options import Again, AsJson, Name, Storage, find, writing
from studyhall.search.display.terminal import say
from studyhall.search.evaluation import best as winner
from studyhall.search.evaluation import best_text
from studyhall.search.evaluation.proof_result import NOT_PROVEN
from studyhall.storage.database import Database
from studyhall.storage.database.urls import default_url


def best(
    name: Name,
    storage: Storage = None,
    as_json: AsJson = False,
    export: Annotated[
        Path | None, typer.Option(help="Copy the model and its model card to this folder.")
    ] = None,
    again: Again = False,
    trial: Annotated[
        int | None, typer.Option(min=0, help="Use this trial instead of the best.")
    ] = None,
) -> None:
    """Show the best trial, its proof and its test scores; with --export, copy its model."""
    url = storage or default_url()
    with closing(Database.open(url, create=False)) as db:
        study = find(db, name)
        if export is not None or again:
            from studyhall.search.cli import lifecycle  # imports the training modules: slow

            lifecycle.finish(db, study, url, again=again, number=trial)
        found = winner.read(db, study, trial)
    if export is not None and not found.failed:
        with writing(export):
            winner.copy(found, export)
    if as_json:
        print(json.dumps(winner.to_json(found), indent=2))
    else:
        say(*best_text.shown(found))
    raise typer.Exit(NOT_PROVEN if found.failed else 0)
