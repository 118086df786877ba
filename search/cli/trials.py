"""The command `trials`: show every trial of a study."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from studyhall.search.cli.options import AsJson, Name, Storage, find, writing
from studyhall.search.diagnosis import judging
from studyhall.search.display import json_keys, show, tables, words
from studyhall.search.display.terminal import out, say
from studyhall.spaces import spelling
from studyhall.storage.database import Database
from studyhall.storage.database.urls import default_url
from studyhall.storage.queries import records
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies.rows import Study


class State(StrEnum):
    """The states of trials, in the words of the tables."""

    COMPLETE = "complete"
    PRUNED = "pruned"
    FAILED = "failed"
    RUNNING = "running"


class Order(StrEnum):
    """The orders of trials."""

    NUMBER = "number"
    VALUE = "value"


def trials(
    name: Name,
    storage: Storage = None,
    as_json: AsJson = False,
    csv: Annotated[Path | None, typer.Option(help="Write the trials to this CSV file.")] = None,
    states: Annotated[
        list[State] | None,
        typer.Option("--state", help="Show trials of this state only; may be given several times."),
    ] = None,
    sort: Annotated[
        Order | None, typer.Option(help="The order: by number, or by value, the best first.")
    ] = None,
    top: Annotated[
        int | None, typer.Option(min=1, help="Show the first N only: by value, unless sorted.")
    ] = None,
) -> None:
    """Show the trials of a study."""
    with closing(Database.open(storage or default_url(), create=False)) as db:
        study = find(db, name)
        every = records.trials(db, study)
        judged = {n: v for n, v in judging.of_study(db, study, every).items() if v is not None}
    found = _chosen(study, every, states or [*State], sort, top)
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
        say(show.trials_table(found, names, tables.cut if out.is_terminal else tables.table))


def _chosen(
    study: Study,
    found: Sequence[TrialRecord],
    states: Sequence[State],
    sort: Order | None,
    top: int | None,
) -> list[TrialRecord]:
    """Return the trials of these states in this order, the first ones of them.

    The value of a trial that is not complete is that of its epochs so far: it has no rank among
    those of complete trials, and comes after them.
    """
    chosen = [trial for trial in found if words.state(trial) in states]
    if (sort or (Order.VALUE if top else Order.NUMBER)) is Order.VALUE:
        ranked = records.best_first(chosen, study)
        places = {trial.number: place for place, trial in enumerate(ranked)}
        chosen.sort(key=lambda trial: places.get(trial.number, len(places)))
    return chosen[:top]
