"""The command `status`: show the progress of studies."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Annotated

import typer

from studyhall.search.cli.options import AsJson, Storage, find, storage_option
from studyhall.search.display import json_keys, show, tables, time_split
from studyhall.search.display.terminal import remark, say
from studyhall.search.evaluation import pareto
from studyhall.search.retraining import confirmation
from studyhall.storage.database import Database
from studyhall.storage.database.urls import default_url
from studyhall.storage.queries.status import status as read_status
from studyhall.storage.studies import adoption, studies
from studyhall.storage.studies.rows import Study


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
        names = [name] if name else studies.names(db)
        found = [find(db, each) for each in names]
        if reap:
            _reap(db, found)
        rows = [(study, read_status(db, study)) for study in found]
        splits = [time_split.read(db, study) for study in found]
        confirmed = [confirmation.read(db, study) for study in found]
        foreign = [] if name else adoption.foreign(db)
        fronts = [pareto.read(db, study) for study in found] if name or as_json else []
    if as_json:
        shown = [
            json_keys.of_study(*row, split, None if each is None else each.to_json(), front)
            for row, split, each, front in zip(rows, splits, confirmed, fronts, strict=True)
        ]
        print(json.dumps(shown[0] if name else shown, indent=2))
        return
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
        if fronts[0]:
            say("", "Pareto front: no trial is better than these in every objective")
            say(tables.table(*pareto.rows(fronts[0])))
        say("", f"time spent in trials: {time_split.sentence(splits[0])}")
        say(show.takeovers(rows[0][1]), show.out_of_memory(rows[0][1]))
        if confirmed[0] is not None:
            say("", tables.table(*confirmation.rows(confirmed[0])), *confirmed[0].sentences())
        if rows[0][1].stopping:
            say(f"stopped: no worker starts a trial until studyhall resume {name}")


def _reap(db: Database, found: list[Study]) -> None:
    from studyhall.search.launcher import dead_workers  # slow to import

    for line in [line for study in found for line in dead_workers.reap(db, study)]:
        remark(line)
