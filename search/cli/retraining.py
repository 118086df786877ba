"""The commands that retrain trials: `confirm`, `replay`, `datacurve`."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from studyhall.search.cli import finishing, stopping
from studyhall.search.cli.options import (
    Again,
    AsJson,
    Gpu,
    Gpus,
    Name,
    PerGpu,
    QuietFlag,
    Storage,
    Workers,
    find_described,
    finite,
    storage_option,
    typed_options,
)
from studyhall.search.display import live, tables, words
from studyhall.search.display.live import View
from studyhall.search.display.terminal import err, out, say
from studyhall.search.evaluation import best, best_text, winner
from studyhall.search.launcher import places
from studyhall.search.process import device, quiet
from studyhall.search.retraining import confirm as confirming
from studyhall.search.retraining import datacurve as data
from studyhall.search.retraining import launch
from studyhall.search.retraining.datacurve import DataCurve
from studyhall.search.study import chosen_backend, record, unchanged
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.limits import MOST
from studyhall.storage.database import Database
from studyhall.storage.database.companions import DATACURVE
from studyhall.storage.database.urls import default_url
from studyhall.storage.studies.rows import Study

if TYPE_CHECKING:
    from studyhall.search.retraining.replay_result import Replay


def confirm(
    name: Name,
    storage: Storage = None,
    top: Annotated[
        int | None, typer.Option(min=1, max=MOST, help="Number of best trials to retrain.")
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, max=100, help="Trainings per trial, each with a new seed.")
    ] = None,
    workers: Workers = None,
    gpus: Gpus = None,
    per_gpu: PerGpu = None,
    as_json: AsJson = False,
    silent: QuietFlag = False,
    again: Again = False,
) -> None:
    """Retrain the best trials with new seeds, and prove the one with the best mean."""
    url = storage or default_url()
    with closing(Database.open(url, create=False)) as db:
        study = find_described(db, name, "confirm")
        given = places.given(workers, gpus, per_gpu)
        view = live.lines(err if as_json else out, quiet=silent)
        code = confirm_study(db, study, url, given, view, top, seeds)
        proved = 0 if code else finishing.finish(db, study, url, again=again)
        if as_json:
            print(json.dumps(confirming.known(db, study).to_json(), indent=2))
        else:
            typed = typed_options(
                top=top, seeds=seeds, workers=workers, gpus=gpus, workers_per_gpu=per_gpu,
                again=again,
            )  # fmt: skip
            say("", *finishing.confirmed(db, study, url, code, typed))
            if code == 0:
                say("", *best_text.shown(best.read(db, study)))
    raise typer.Exit(code or proved)


def confirm_study(
    db: Database,
    study: Study,
    url: str,
    given: places.Given,
    view: View,
    top: int | None,
    seeds: int | None,
) -> int:
    """Retrain the best trials of a study with new seeds.

    Args:
        db: database of the study.
        study: the study.
        url: URL of the database.
        given: keys of ``[workers]`` for these trainings.
        view: shows the progress.
        top: number of trials; None: as before, or as in the study file.
        seeds: number of trainings of each; None: likewise.

    Returns:
        The exit code, as for `launch.launch`.

    Raises:
        ConfigError: no trial is complete.
    """
    file = record.stored(study).file
    devices = places.devices(file, given, study.name)
    most, each = confirming.asked(db, study, top, seeds, file.study)
    if confirming.trains(db, study, most, each):
        unchanged.check(study, url)
    stopping.lift(db, study)
    return finishing.confirm(db, study, devices, view, url, most, each)


def replay(
    name: Name,
    trial: Annotated[
        int, typer.Argument(min=0, max=MOST, metavar="TRIAL", help="Number of the trial.")
    ],
    storage: Storage = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            min=0,
            callback=finite,
            help="Largest relative difference that still counts as reproduced.",
        ),
    ] = None,
    gpu: Gpu = "auto",
    as_json: AsJson = False,
) -> None:
    """Retrain a trial from its stored settings, and check that it reproduces."""
    device.pin(gpu)
    with closing(Database.open(storage or default_url(), create=False)) as db:
        study = find_described(db, name, "replay")
        chosen_backend.of_study(study)
        quiet.import_keras()
        device.limit_memory()
        found = replayed(db, study, trial, tolerance)
    if as_json:
        print(json.dumps({"study": name, **found.to_json()}, indent=2))
    else:
        say(*found.sentences())
    raise typer.Exit(0 if found.reproduces else 1)


def replayed(db: Database, study: Study, trial: int, tolerance: float | None) -> Replay:
    """Retrain a trial in this process, and compare it with what was recorded.

    Args:
        db: database of the study.
        study: the study.
        trial: the trial's number.
        tolerance: largest relative difference that still counts as reproduced; None: the default.

    Raises:
        ConfigError: there is no such trial, or it can't be built any longer.
    """
    from studyhall.search import worker
    from studyhall.search.retraining import replay as replaying
    from studyhall.search.trial.objective import FAILURES

    stored = record.stored(study)
    plan = worker.plan_of(stored, stored.folder, study)
    limit = replaying.TOLERANCE if tolerance is None else tolerance
    try:
        return replaying.replay(db, study, plan, trial, limit)
    except FAILURES as failure:
        line = f"trial: received {trial}, expected a trial that can still be built: {failure}"
        raise ConfigError([line]) from failure


def datacurve(
    name: Name,
    storage: Storage = None,
    seeds: Annotated[
        int, typer.Option(min=1, max=100, help="Trainings per share of the data.")
    ] = data.SEEDS,
    workers: Workers = None,
    gpus: Gpus = None,
    per_gpu: PerGpu = None,
    as_json: AsJson = False,
    silent: QuietFlag = False,
) -> None:
    """Retrain the best trial on 25, 50, 75 and 100 % of the data: would more data help?"""
    url = storage or default_url()
    with closing(Database.open(url, create=False)) as db:
        study = find_described(db, name, "datacurve")
        given = places.given(workers, gpus, per_gpu)
        view = live.lines(err if as_json else out, quiet=silent)
        code, found = measure_datacurve(db, study, url, given, view, seeds)
    if as_json:
        print(json.dumps({"study": name, **found.to_json()}, indent=2))
    else:
        say("", tables.table(*data.rows(found)), *found.sentences())
        say(words.beside_budget(found.gpu_seconds))
        if code != 0:
            typed = typed_options(seeds=seeds, workers=workers, gpus=gpus, workers_per_gpu=per_gpu)
            say(f"to continue: studyhall datacurve {name}{typed}{storage_option(url)}")
    raise typer.Exit(code)


def measure_datacurve(
    db: Database, study: Study, url: str, given: places.Given, view: View, seeds: int
) -> tuple[int, DataCurve]:
    """Retrain the best trial of a study on shares of its data.

    Args:
        db: database of the study.
        study: the study.
        url: URL of the database.
        given: keys of ``[workers]`` for these trainings.
        view: shows the progress.
        seeds: trainings per share.

    Returns:
        The exit code, as for `launch.launch`, and what is known.

    Raises:
        ConfigError: no trial is complete.
    """
    best_so_far = winner.read(db, study)
    if best_so_far is None:
        problem = "received no complete trial yet, expected at least one"
        raise ConfigError([f'study "{study.name}": {problem}'])
    if record.stored(study).inspection.about.get("streams"):
        received = "received data that are a stream, expected arrays, of which shares can be drawn"
        raise ConfigError([f'study "{study.name}": datacurve: {received}'])
    devices = places.devices(record.stored(study).file, given, study.name)
    if data.trains(db, study, best_so_far.trial.number, seeds):
        unchanged.check(study, url)
    stopping.lift(db, study)
    data.plan(db, study, best_so_far.trial.number, seeds)
    code = launch.run(db, study, DATACURVE, devices, view, url)
    if code == 0:
        _show_in_dashboard(db, study)
    found = data.read(db, study)
    assert found is not None  # it is planned
    return code, found


def _show_in_dashboard(db: Database, study: Study) -> None:
    from studyhall.search.report import dashboard_note  # imports for a second

    dashboard_note.pin(db, study)
