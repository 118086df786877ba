"""The commands that run a study: `launch`, `resume`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from studyhall.search.cli.options import (
    File,
    Gpus,
    GpusPerWorker,
    Name,
    On,
    PerGpu,
    QuietFlag,
    Storage,
    Workers,
    find_to_train,
    more,
)
from studyhall.search.display import starting
from studyhall.search.display.terminal import out
from studyhall.search.launcher import early, places, ray_choice
from studyhall.search.launcher.ray_choice import Cluster
from studyhall.search.scripts import continuation
from studyhall.search.study import (
    chosen_backend,
    creation,
    extras,
    fingerprints,
    inspection,
    record,
    unchanged,
)
from studyhall.search.study_file import config
from studyhall.search.study_file.sections import StudyFile
from studyhall.storage.database import Database
from studyhall.storage.database.urls import default_url
from studyhall.storage.queries import status
from studyhall.storage.studies import studies

ALONE: places.Given = {"count": 1}  # beside a cluster this machine confirms and proves


def launch(
    file: File,
    trials: Annotated[int | None, typer.Option(min=1, help="Trials in all.")] = None,
    workers: Workers = None,
    gpus: Gpus = None,
    per_gpu: PerGpu = None,
    on: On = None,
    gpus_per_worker: GpusPerWorker = None,
    storage: Storage = None,
    seed: Annotated[int | None, typer.Option(min=0, help="The study's seed.")] = None,
    silent: QuietFlag = False,
) -> None:
    """Run the study of FILE until its budget is spent; the same command continues it."""
    given = {"trials": trials, "seed": seed, "storage": storage}
    overrides = {"study": {key: value for key, value in given.items() if value is not None}}
    study_file = config.load(file, overrides)
    given_workers = places.given(workers, gpus, per_gpu, on)
    code = run_file(study_file, file, given_workers, gpus_per_worker, quiet=silent)
    raise typer.Exit(code)


def run_file(
    study_file: StudyFile,
    file: Path,
    given: places.Given,
    gpus_per_worker: float | None = None,
    *,
    quiet: bool,
    found: fingerprints.Inspection | None = None,
    opened: Callable[[], None] = lambda: None,
) -> int:
    """Run the study of a checked file until its budget is spent.

    Args:
        study_file: the study file.
        file: its path.
        given: keys of ``[workers]`` from the command line.
        gpus_per_worker: GPUs of each worker on a Ray cluster.
        quiet: print remarks and the result only.
        found: the inspection of its data and code, if that is done already.
        opened: called once the study is in the database, before its workers begin.

    Returns:
        The exit code.
    """
    url = study_file.study.storage or default_url()
    study_file = chosen_backend.of_file(study_file, file, url)
    cluster = cluster_of(study_file, given, gpus_per_worker, url, file.name)
    devices = places.devices(study_file, ALONE if cluster else given, file.name)
    inspection.glance(study_file, file)
    name = study_file.study.name
    with early.workers(name, [] if cluster else devices, url) as waiting:
        if found is None:
            with starting.moving(out, f"reading the data: {study_file.data.source}", quiet=quiet):
                found = early.inspected(study_file, file, waiting)
        creation.check_artifacts(study_file, file.name)
        early.let_load(waiting)
        with starting.moving(out, f"{samples(found)}; loading studyhall", quiet=quiet):
            # Imported only here, while the workers load their libraries.
            from studyhall.search.cli import lifecycle, opening

        with closing(Database.open(url)) as db:
            with starting.moving(out, "creating the study", quiet=quiet):
                study = opening.open_or_create(db, study_file, file, found)
            opened()
            return lifecycle.run(
                db, study, url, devices, quiet=quiet, early=waiting, cluster=cluster
            )


def samples(found: fingerprints.Inspection) -> str:
    """Return how much data there are: ``data: 1,797 samples``; "data read" if that is unknown."""
    counts = (found.about.get("samples") or {}).values()
    if not counts or not all(isinstance(each, int) for each in counts):
        return "data read"
    return f"data: {sum(counts):,} samples"


def resume(
    name: Name,
    trials: Annotated[
        str | None, typer.Option(help="+20: twenty more trials; 80: eighty in all.")
    ] = None,
    workers: Workers = None,
    gpus: Gpus = None,
    per_gpu: PerGpu = None,
    on: On = None,
    gpus_per_worker: GpusPerWorker = None,
    storage: Storage = None,
    silent: QuietFlag = False,
) -> None:
    """Continue a study from the database alone, optionally with more trials."""
    with starting.moving(out, "loading studyhall", quiet=silent):
        from studyhall.search.cli import lifecycle
        from studyhall.search.display import show
        from studyhall.search.display.terminal import say

    url = storage or default_url()
    with closing(Database.open(url, create=False)) as db:
        study = find_to_train(db, name)
        chosen_backend.of_study(study)
        continuation.check(study)
        given, file = places.given(workers, gpus, per_gpu, on), record.stored(study).file
        extras.check(file, name)
        cluster = cluster_of(file, given, gpus_per_worker, url, name)
        devices = places.devices(file, ALONE if cluster else given, name)
        if trials is not None:
            added = more(trials, status.status(db, study).limit)
            if cluster is None:  # its machines have the data, and perhaps not this one
                with starting.moving(out, "checking data and code", quiet=silent):
                    unchanged.check(study, url)
            studies.extend(db, study, trials=added)
        reached = show.goal(status.status(db, study))
        code = lifecycle.run(db, study, url, devices, quiet=silent, cluster=cluster)
        if reached:
            say("to go on: change target or stop_after in the study file, and launch it")
    raise typer.Exit(code)


def cluster_of(
    file: StudyFile, given: places.Given, gpus_per_worker: float | None, url: str, name: str
) -> Cluster | None:
    """Return the cluster that the command line or the file chooses; None for this machine."""
    wanted = config.overridden(file, {"workers": given}).workers
    cluster = ray_choice.chosen(wanted.on, wanted.count, gpus_per_worker, url, name)
    if cluster is not None:
        ray_choice.check(cluster)
    return cluster
