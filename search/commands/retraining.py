"""Commands that train trials anew: `confirm`."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Annotated

import typer

from search import best, creation, places, running, stopping
from search.commands.options import (
    Again,
    AsJson,
    Gpus,
    Name,
    PerGpu,
    QuietFlag,
    Storage,
    Workers,
    find,
)
from search.report import live
from search.retraining import confirmation, confirming
from search.terminal import err, out, say
from storage.database import Database, default_url


def confirm(
    name: Name,
    storage: Storage = None,
    top: Annotated[int | None, typer.Option(min=1, help="How many of the best trials.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, max=100, help="How often each.")] = None,
    workers: Workers = None,
    gpus: Gpus = None,
    per_gpu: PerGpu = None,
    as_json: AsJson = False,
    silent: QuietFlag = False,
    again: Again = False,
) -> None:
    """Train the best trials anew with new seeds, and prove the one with the best mean."""
    url = storage or default_url()
    with closing(Database.open(url, create=False)) as db:
        study = find(db, name)
        file = creation.stored(study).file
        devices = places.devices(file, places.given(workers, gpus, per_gpu), name)
        stopping.lift(db, study)
        most = top or file.study.confirm_top or confirmation.TOP
        each = seeds or file.study.confirm_seeds
        view = (live.Quiet if silent else live.Lines)(err if as_json else out)
        code = running.confirm(db, study, devices, view, url, most, each)
        if code == 0:
            running.finish(db, study, url, again=again)
        if as_json:
            print(json.dumps(confirming.known(db, study).to_json(), indent=2))
        else:
            say("", *running.confirmed(db, study, url, code))
            say("", *best.shown(best.read(db, study)))
    raise typer.Exit(code)
