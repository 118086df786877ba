"""The command `worker`: run one worker process."""

from __future__ import annotations

import os
from contextlib import closing, suppress
from pathlib import Path
from typing import Annotated

import typer

from studyhall.search.cli import early
from studyhall.search.cli.options import Gpu, Name, Storage, find
from studyhall.search.cli.typed import at
from studyhall.search.display.terminal import say
from studyhall.search.process import device, quiet, recycling
from studyhall.search.process.garbage import uncollected
from studyhall.search.process.stop import Stop, StopNow
from studyhall.search.process.wire import LAUNCHED
from studyhall.storage.database import Database
from studyhall.storage.database.urls import default_url


def worker(
    name: Name,
    storage: Storage = None,
    folder: Annotated[
        Path | None,
        typer.Option(help="The folder of the study's data and code; default: as at its launch."),
    ] = None,
    gpu: Gpu = "auto",
) -> None:
    """Start one worker on a study, from any machine that reaches its database."""
    stop = Stop()
    stop.listen()  # before the slow import, so that a signal during it is not lost
    if LAUNCHED not in os.environ:
        device.pin(gpu)
    with suppress(StopNow):
        early.await_data(stop)
        quiet.import_tensorflow()
        device.limit_memory()
        with uncollected():
            from studyhall.search import worker as working
            from studyhall.search.evaluation import fruitless
        early.await_study(stop)
        if stop.asked:
            raise typer.Exit(stop.code)
        with closing(Database.open(storage or default_url(), create=False)) as db:
            study = find(db, name)
            working.work(db, study, stop, folder)
            if LAUNCHED not in os.environ and not stop.asked and fruitless.is_so(db, study):
                say(*fruitless.told(db, study, at(storage or default_url())))
                stop.ask(fruitless.EXIT_CODE)
    if stop.code == recycling.EXIT_CODE and LAUNCHED not in os.environ:
        recycling.begin_anew()
    raise typer.Exit(stop.code)
