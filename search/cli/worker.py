"""The command `worker`: run one worker process."""

from __future__ import annotations

import os
from contextlib import closing, suppress
from pathlib import Path
from typing import Annotated

import typer

from studyhall.search.cli.options import Gpu, Name, Storage, find_to_train, storage_option
from studyhall.search.display.terminal import say
from studyhall.search.process import (
    device,
    loading_slots,
    quiet,
    recycling,
    stand_ins,
    streams,
    waiting,
)
from studyhall.search.process.garbage import uncollected
from studyhall.search.process.stop import Stop, StopNow
from studyhall.search.process.wire import EARLY, GO, LAUNCHED
from studyhall.search.scripts import script
from studyhall.search.study import chosen_backend, inspection
from studyhall.search.study.early_inspection import Read, Request
from studyhall.storage.database import Database
from studyhall.storage.database.urls import default_url
from studyhall.storage.studies.rows import Study


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
    with suppress(StopNow), waiting.leaving(stop):
        request = await_data(stop)
        _leave_if_asked(stop)
        _choose_backend(name, storage)
        read = _answered(request, stop, with_keras=False)
        with loading_slots.taken(stop), uncollected():
            quiet.import_keras()
            device.limit_memory()
            from studyhall.search import worker as working
            from studyhall.search.evaluation import no_result
        read = read or _answered(request, stop, with_keras=True)
        await_study(stop)
        _leave_if_asked(stop)
        with closing(Database.open(storage or default_url(), create=False)) as db:
            waiting.stoppable(db, stop)
            study = find_to_train(db, name)
            if script.recorded(study) is None:
                working.work(db, study, stop, folder, read=read)
            else:
                _work_on_script(db, storage or default_url(), study, stop, folder)
            if LAUNCHED not in os.environ and not stop.asked and no_result.has_none(db, study):
                say(*no_result.lines(db, study, storage_option(storage or default_url())))
                stop.ask(no_result.EXIT_CODE)
    if stop.code == recycling.EXIT_CODE and LAUNCHED not in os.environ:
        recycling.begin_anew()
    raise typer.Exit(stop.code)


def _work_on_script(db: Database, url: str, study: Study, stop: Stop, folder: Path | None) -> None:
    """Work on the search that a program has handed over, or run its script up to there."""
    from studyhall.search.scripts import handed_call, script_worker

    call = handed_call.received(study)
    if call is not None:
        handed_call.work(db, url, study, call, stop)
        return
    stand_ins.install()
    script_worker.work(db, url, study, stop, folder)


def _choose_backend(name: str, storage: str | None) -> None:
    """Take the backend from the study's record; an early worker has it from its launcher."""
    if EARLY not in os.environ:
        with closing(Database.open(storage or default_url(), create=False)) as db:
            chosen_backend.of_study(find_to_train(db, name))


def await_data(stop: Stop) -> Request | None:
    """Wait until the data have been found fine; meanwhile import what they need, if cores are free.

    Or until the launcher wants this process to inspect them: return its request.
    """
    if EARLY not in os.environ:
        return None
    if not loading_slots.are_scarce():
        import studyhall.search.data.loading  # noqa: F401 - scikit-learn and SciPy take a second

    return Request.of(stop.await_turn())


def _answered(request: Request | None, stop: Stop, *, with_keras: bool) -> Read | None:
    """Inspect data on request, once Keras is there if they need it; return what was read.

    Raises:
        typer.Exit: they can't be used, as the launcher has been told, or a stop was requested.
    """
    if request is None or inspection.needs_keras(request.file) != with_keras:
        return None
    read = request.answer()
    _leave_if_asked(stop)
    if read is None:
        raise typer.Exit(2)
    return read


def await_study(stop: Stop) -> None:
    """Wait until the study is there, and print into its log from then on."""
    if EARLY in os.environ:
        told = stop.await_turn()
        if told.startswith(f"{GO} "):
            streams.lead_to(told.removeprefix(f"{GO} "))


def _leave_if_asked(stop: Stop) -> None:
    if stop.asked:
        raise typer.Exit(stop.code)
