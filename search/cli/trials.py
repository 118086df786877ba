"""The command `trials`: show every trial of a study."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from studyhall.search.cli.options import AsJson, Name, Storage, find, writing
from studyhall.search.diagnosis import judging
from studyhall.search.display import json_keys, show
from studyhall.search.display.terminal import say
from studyhall.spaces import spelling
from studyhall.storage.database import Database
from studyhall.storage.database.urls import default_url
from studyhall.storage.queries import records


def trials(
    name: Name,
    storage: Storage = None,
    as_json: AsJson = False,
    csv: Annotated[Path | None, typer.Option(help="Write the trials to this CSV file.")] = None,
) -> None:
    """Show every trial of a study."""
    with closing(Database.open(storage or default_url(), create=False)) as db:
        study = find(db, name)
        found = records.trials(db, study)
        judged = {n: v for n, v in judging.of_study(db, study, found).items() if v is not None}
    names = {number: verdict.name for number, verdict in judged.items()}
    if csv is not None:
        with writing(csv):
            show.trials_csv(found, names, csv)
        say(f"{csv}: {spelling.counted(len(found), 'trial')}")
    elif as_json:
        told = {number: verdict.to_json() for number, verdict in judged.items()}
        shown = [json_keys.of_trial(trial, told.get(trial.number)) for trial in found]
        print(json.dumps(shown, indent=2))
    else:
        say(show.trials_table(found, names))
