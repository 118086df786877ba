"""The command `status`: show the progress of studies."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Annotated

import typer

from studyhall.search.cli import standing
from studyhall.search.cli.options import AsJson, Storage, find, storage_option
from studyhall.search.cli.standing import Standing
from studyhall.search.display import show, tables, time_split
from studyhall.search.display.terminal import say
from studyhall.search.evaluation import pareto
from studyhall.search.retraining import confirm_result
from studyhall.storage.database import Database
from studyhall.storage.database.urls import default_url
from studyhall.storage.studies import adoption, studies


def status(
    name: Annotated[str | None, typer.Argument(metavar="[STUDY]")] = None,
    storage: Storage = None,
    as_json: AsJson = False,
    reap: Annotated[
        bool,
        typer.Option(
            "--reap", help="First release the trials of workers that no longer send heartbeats."
        ),
    ] = False,
) -> None:
    """Show a study's progress and its workers; without a name, every study."""
    with closing(Database.open(storage or default_url(), create=False)) as db:
        found = [find(db, each) for each in ([name] if name else studies.names(db))]
        if reap:
            standing.reap(db, found)
        whole = bool(name) or as_json
        standings = [standing.read(db, study, with_front=whole) for study in found]
        foreign = [] if name else adoption.foreign(db)
    if as_json:
        told = [each.to_json() for each in standings]
        print(json.dumps(told[0] if name else told, indent=2))
        return
    rows = [(each.study, each.status) for each in standings]
    say(
        show.studies_table(rows)
        if rows
        else "no studies yet; start one with: studyhall launch FILE"
    )
    if foreign:
        say("", f"studies that Optuna has created: {', '.join(foreign)}")
        say(f"to take one in: studyhall adopt NAME{storage_option(storage or default_url())}")
    for study, state in rows:
        if state.running:
            say("", f"{study.name}: running trials", show.running_table(state))
    if name:
        _show_more(standings[0], storage or default_url())


def _show_more(found: Standing, url: str) -> None:
    """Show what only the status of a single study tells."""
    if found.front:
        say("", "Pareto front: no trial is better than these in every objective")
        say(tables.table(*pareto.rows(found.front)))
    say("", f"time spent in trials: {time_split.sentence(found.split)}")
    say(show.takeovers(found.status), show.out_of_memory(found.status))
    if found.confirmed is not None:
        say("", tables.table(*confirm_result.rows(found.confirmed)), *found.confirmed.sentences())
    if found.status.reached:
        say(show.goal(found.status))
    if found.status.stopping:
        again = f"studyhall resume {found.study.name}{storage_option(url)}"
        say(f"stopped: no worker starts a trial until {again}")
