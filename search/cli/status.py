"""Commands that ask about a study: `status`, `trials`, `best`, `doctor`."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from studyhall.search.cli import lifecycle
from studyhall.search.cli.options import Again, AsJson, Name, Storage, find, writing
from studyhall.search.diagnosis import verdicts
from studyhall.search.display import json_keys, show, tables, time_split
from studyhall.search.display.terminal import remark, say
from studyhall.search.evaluation import pareto
from studyhall.search.evaluation.proof_result import NOT_PROVEN
from studyhall.search.launcher import dead_workers
from studyhall.search.retraining import confirmation
from studyhall.storage.database import Database
from studyhall.storage.database.urls import default_url
from studyhall.storage.queries import records
from studyhall.storage.queries.status import status as read_status
from studyhall.storage.studies import studies


def status(
    name: Annotated[str | None, typer.Argument(metavar="[STUDY]")] = None,
    storage: Storage = None,
    as_json: AsJson = False,
    reap: Annotated[
        bool, typer.Option("--reap", help="Free the trials of silent workers first.")
    ] = False,
) -> None:
    """Show how a study stands and what its workers do; without a name, every study."""
    with closing(Database.open(storage or default_url(), create=False)) as db:
        names = [name] if name else studies.names(db)
        found = [find(db, each) for each in names]
        for study in found if reap else []:
            for line in dead_workers.reap(db, study):
                remark(line)
        rows = [(study, read_status(db, study)) for study in found]
        splits = [time_split.read(db, study) for study in found]
        confirmed = [confirmation.read(db, study) for study in found]
        fronts = [pareto.read(db, study) for study in found] if name or as_json else []
    if as_json:
        shown = [
            json_keys.of_study(*row, split, None if each is None else each.to_json(), front)
            for row, split, each, front in zip(rows, splits, confirmed, fronts, strict=True)
        ]
        print(json.dumps(shown[0] if name else shown, indent=2))
        return
    say(show.studies_table(rows) if rows else "no studies yet; the first: studyhall launch FILE")
    for study, state in rows:
        if state.running:
            say("", f"{study.name}: trials under way", show.running_table(state))
    if name:
        if fronts[0]:
            say("", "Pareto front: no trial is better than these in every objective")
            say(tables.table(*pareto.rows(fronts[0])))
        say("", f"time spent in trials: {time_split.sentence(splits[0])}")
        say(show.takeovers(rows[0][1]), show.out_of_memory(rows[0][1]))
        if confirmed[0] is not None:
            say("", tables.table(*confirmation.rows(confirmed[0])), *confirmed[0].sentences())
        if rows[0][1].stopping:
            say(f"stopped: no worker begins a trial until studyhall resume {name}")


def trials(
    name: Name,
    storage: Storage = None,
    as_json: AsJson = False,
    csv: Annotated[Path | None, typer.Option(help="Write them to this CSV file.")] = None,
) -> None:
    """Show every trial of a study."""
    with closing(Database.open(storage or default_url(), create=False)) as db:
        study = find(db, name)
        found = records.trials(db, study)
        judged = {n: v for n, v in verdicts.of_study(db, study, found).items() if v is not None}
    names = {number: verdict.name for number, verdict in judged.items()}
    if csv is not None:
        with writing(csv):
            show.trials_csv(found, names, csv)
        say(f"{csv}: {len(found)} trials")
    elif as_json:
        told = {number: verdict.to_json() for number, verdict in judged.items()}
        shown = [json_keys.of_trial(trial, told.get(trial.number)) for trial in found]
        print(json.dumps(shown, indent=2))
    else:
        say(show.trials_table(found, names))


def best(
    name: Name,
    storage: Storage = None,
    as_json: AsJson = False,
    export: Annotated[Path | None, typer.Option(help="Copy model and card to this folder.")] = None,
    again: Again = False,
    trial: Annotated[
        int | None, typer.Option(min=0, help="This trial, instead of the best.")
    ] = None,
) -> None:
    """Show the best trial, its proof and its test scores; with --export, copy its model."""
    from studyhall.search.evaluation.best import copy, read, shown, to_json

    url = storage or default_url()
    with closing(Database.open(url, create=False)) as db:
        study = find(db, name)
        if export is not None or again:
            lifecycle.finish(db, study, url, again=again, number=trial)
        found = read(db, study, trial)
    if export is not None and not found.failed:
        with writing(export):
            copy(found, export)
    if as_json:
        print(json.dumps(to_json(found), indent=2))
    else:
        say(*shown(found))
    raise typer.Exit(NOT_PROVEN if found.failed else 0)


def doctor(
    name: Annotated[str | None, typer.Argument(metavar="[STUDY]")] = None,
    storage: Storage = None,
    as_json: AsJson = False,
) -> None:
    """Look for what is wrong with studies, database, disk and machine, and say what to do."""
    from studyhall.search.doctor import report

    url = storage or default_url()
    with closing(Database.open(url, create=False)) as db:
        found = [find(db, each) for each in ([name] if name else studies.names(db))]
        go_on = f"studyhall resume {{}}{lifecycle.at(url)}"
        examined = report.examine(db, [(study, go_on.format(study.name)) for study in found])
    if as_json:
        print(json.dumps(report.to_json(examined), indent=2))
    else:
        say(*report.lines(examined))
    raise typer.Exit(0 if examined.well else report.NEEDS_YOU)
