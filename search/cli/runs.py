"""Commands that run a study, watch and stop it: `launch`, `resume`, `worker`, `watch`, `stop`."""

from __future__ import annotations

import os
from contextlib import closing, suppress
from pathlib import Path
from typing import Annotated

import typer

from studyhall.search.cli import lifecycle, stopping
from studyhall.search.cli.options import (
    File,
    Gpu,
    Gpus,
    Name,
    PerGpu,
    QuietFlag,
    Storage,
    Workers,
    find,
    finite,
)
from studyhall.search.display import live, show
from studyhall.search.display.terminal import out, say
from studyhall.search.evaluation import fruitless
from studyhall.search.launcher import places
from studyhall.search.launcher import watch as watching
from studyhall.search.notices.following import following
from studyhall.search.process import device, quiet, recycling
from studyhall.search.process.stop import Stop, StopNow
from studyhall.search.process.wire import LAUNCHED
from studyhall.search.study import creation, inspection, record
from studyhall.search.study_file import config
from studyhall.search.study_file.sections import MOST, MOST_TIME
from studyhall.storage.database import Database
from studyhall.storage.database.urls import default_url
from studyhall.storage.queries import status
from studyhall.storage.studies import studies


def launch(
    file: File,
    trials: Annotated[int | None, typer.Option(min=1, help="Results in all.")] = None,
    workers: Workers = None,
    gpus: Gpus = None,
    per_gpu: PerGpu = None,
    storage: Storage = None,
    seed: Annotated[int | None, typer.Option(min=0, help="The study's seed.")] = None,
    silent: QuietFlag = False,
) -> None:
    """Run the study of FILE until its budget is spent; the same command continues it."""
    given = {"trials": trials, "seed": seed, "storage": storage}
    overrides = {"study": {key: value for key, value in given.items() if value is not None}}
    study_file = config.load(file, overrides)
    devices = places.devices(study_file, places.given(workers, gpus, per_gpu), file.name)
    found = inspection.inspect_apart(study_file, file)
    creation.check_artifacts(study_file, file.name)
    url = study_file.study.storage or default_url()
    with closing(Database.open(url)) as db:
        study = lifecycle.open_or_create(db, study_file, file, found)
        code = lifecycle.run(db, study, url, devices, quiet=silent)
    raise typer.Exit(code)


def resume(
    name: Name,
    trials: Annotated[
        str | None, typer.Option(help="+20: twenty more results; 80: eighty in all.")
    ] = None,
    workers: Workers = None,
    gpus: Gpus = None,
    per_gpu: PerGpu = None,
    storage: Storage = None,
    silent: QuietFlag = False,
) -> None:
    """Continue a study from the database alone, with more trials if asked for."""
    url = storage or default_url()
    with closing(Database.open(url, create=False)) as db:
        study = find(db, name)
        given = places.given(workers, gpus, per_gpu)
        devices = places.devices(record.stored(study).file, given, name)
        if trials is not None:
            added = lifecycle.more(trials, status.status(db, study).limit)
            studies.extend(db, study, trials=added)
        code = lifecycle.run(db, study, url, devices, quiet=silent)
    raise typer.Exit(code)


def worker(
    name: Name,
    storage: Storage = None,
    folder: Annotated[Path | None, typer.Option(help="Where its data and code lie.")] = None,
    gpu: Gpu = "auto",
) -> None:
    """Work on a study, started by hand on any machine that reaches its database."""
    stop = Stop()
    stop.listen()  # before the long import
    if LAUNCHED not in os.environ:
        device.pin(gpu)
    with suppress(StopNow):
        quiet.import_tensorflow()
        device.limit_memory()
        from studyhall.search import worker as working

        with closing(Database.open(storage or default_url(), create=False)) as db:
            study = find(db, name)
            working.work(db, study, stop, folder)
            if LAUNCHED not in os.environ and not stop.asked and fruitless.is_so(db, study):
                say(*fruitless.told(db, study, lifecycle.at(storage or default_url())))
                stop.ask(fruitless.EXIT_CODE)
    if stop.code == recycling.EXIT_CODE and LAUNCHED not in os.environ:
        recycling.begin_anew()
    raise typer.Exit(stop.code)


def stop(
    name: Name,
    storage: Storage = None,
    trial: Annotated[
        int | None, typer.Option(min=0, max=MOST, help="End this trial alone, as pruned.")
    ] = None,
    wait: Annotated[
        float,
        typer.Option(
            min=0,
            max=MOST_TIME,
            callback=finite,
            metavar="SECONDS",
            help="Wait so long for them to leave.",
        ),
    ] = 0,
) -> None:
    """Ask all workers of a study, on all machines, to save a checkpoint and leave."""
    url = storage or default_url()
    with closing(Database.open(url, create=False)) as db:
        study = find(db, name)
        if trial is not None:
            stopping.stop_trial(db, study, trial)
            return
        go_on = f"studyhall resume {name}{lifecycle.at(url)}"
        code = stopping.stop(db, study, wait, go_on)
    raise typer.Exit(code)


def watch(name: Name, storage: Storage = None, silent: QuietFlag = False) -> None:
    """Follow a study, as its launch shows it, until it ends."""
    with closing(Database.open(storage or default_url(), create=False)) as db:
        study = find(db, name)
        with following(db, study):
            there = watching.watch(db, study, live.view(out, name, quiet=silent))
        if not there:
            say(f'study "{name}" has been deleted')
            raise typer.Exit(2)
        say("", show.studies_table([(study, status.status(db, study))]))
        if fruitless.is_so(db, study):
            say(*fruitless.told(db, study, lifecycle.at(storage or default_url())))
            raise typer.Exit(fruitless.EXIT_CODE)
