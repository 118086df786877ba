"""Early workers, which start before the study exists.

The first inspects the data. Importing TensorFlow takes seconds, which overlap with the inspection
or with the creation of the study.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from studyhall.search.launcher.places import environments
from studyhall.search.process import loading_slots, threads, wire
from studyhall.search.process.device import Device
from studyhall.search.process.wire import EARLY, WorkerProcess
from studyhall.search.study import early_inspection, fingerprints, inspection
from studyhall.search.study_file.sections import StudyFile
from studyhall.storage.database import Database, urls
from studyhall.storage.database.urls import StorageError
from studyhall.storage.queries import status
from studyhall.storage.studies import studies


@contextmanager
def workers(name: str, devices: list[Device], url: str) -> Iterator[list[WorkerProcess]]:
    """Start a worker for each device, if the study needs any; at exit end those not yet used.

    They wait until the data have been found fine, import TensorFlow, and wait for their study.
    """
    started: list[WorkerProcess] = []
    try:
        if devices and _are_wanted(name, url):
            started += _started(name, devices, url)
        yield started
    finally:
        for process in started:
            _dismiss(process)


def _started(name: str, devices: list[Device], url: str) -> Iterator[WorkerProcess]:
    command = wire.command("worker", name)
    with loading_slots.offered(len(devices)) as (slots, files):
        for environment in environments(devices, url).values():
            yield WorkerProcess(command, {**environment, EARLY: "1", **slots}, None, files)


def let_load(waiting: Iterable[WorkerProcess]) -> None:
    """Let the workers import TensorFlow, if they have not yet."""
    for process in waiting:
        process.let_load()


def inspected(
    file: StudyFile, path: Path, waiting: Sequence[WorkerProcess]
) -> fingerprints.Inspection:
    """Inspect data and code, by an early worker if that takes no models; see `inspect_apart`.

    The user's models are tried in another process, which leaves nothing behind where trials train.
    """
    inspecting = () if inspection.needs_models(file) else waiting[:1]
    if inspection.is_inspected_apart(file):  # Keras is imported in any case
        others = waiting[len(inspecting) :]
        let_load(others[: threads.cores() - 1])  # whoever inspects has a core for itself
    found = early_inspection.found(inspecting[0], file, path) if inspecting else None
    return found or inspection.inspect_apart(file, path)


def _dismiss(process: WorkerProcess) -> None:
    """End a worker that has not begun to work; leave others running."""
    process.hang_up()
    if not process.begun:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _are_wanted(name: str, url: str) -> bool:
    """Return False if the study has spent its budget or the database can't be used."""
    try:
        address = urls.address(url)
        if address.file is not None and not address.file.exists():
            return True
        with closing(Database.open(url, create=False, patience_s=0)) as db:
            study = studies.find(db, name)
            return study is None or not status.status(db, study).spent
    except (StorageError, LookupError):
        return False  # the launch itself reports the error later
