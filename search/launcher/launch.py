"""A launch: worker processes on this machine, watched until the budget is spent.

The launcher never imports TensorFlow, which would occupy GPU memory that the workers need.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from studyhall.search.display.live import View
from studyhall.search.launcher import dead_workers, places
from studyhall.search.launcher.crew import Crew
from studyhall.search.launcher.places import Place
from studyhall.search.launcher.watch import Watched
from studyhall.search.process import wire
from studyhall.search.process.device import Device
from studyhall.search.process.wire import WorkerProcess
from studyhall.search.study import record
from studyhall.storage.artifacts import atomic_files
from studyhall.storage.database import Database
from studyhall.storage.database.urls import StorageReplaced
from studyhall.storage.queries import status
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies.rows import Study

POLL_S = 0.5
GRACE_S = 30.0  # after the second signal; then workers are killed
TAIL = 40  # lines of a worker's log that are shown if it ends by a bug


def launch(
    db: Database,
    study: Study,
    *,
    devices: list[Device],
    view: View,
    url: str,
    early: Sequence[WorkerProcess] = (),
) -> int:
    """Run workers until the study's budget is spent or a signal arrives.

    Args:
        db: the database of the study.
        study: the study.
        devices: a device for each worker.
        view: shows the progress.
        url: the database URL for the workers.
        early: workers that were started before the study existed.

    Returns:
        The exit code: 0 finished; 1 a worker ended by a bug, 2 by a mistake of the user; 130 or 143
        interrupted by SIGINT or SIGTERM.
    """
    if status.status(db, study).spent:
        return 0
    there = places.places(study, devices, url, early)
    crew = Crew(command(study.name), there, lambda dead: dead_workers.bury(db, study, dead))
    with record.kept(study):
        return attend(crew, Watched(db, study, view).look, view)


def attend(crew: Crew, look: Callable[[], Sequence[TrialRecord]], view: View) -> int:
    """Run a crew until all its workers have ended, passing signals on.

    Args:
        crew: the workers.
        look: shows the progress; returns the trials that have ended since the last call.
        view: shows remarks.

    Returns:
        The exit code, as for `launch`.
    """
    with interruptions() as signals, view:
        _watch(crew, look, signals, view)
    for line in _complaints(crew):
        view.say(line)
    return 128 + signals[0] if signals else max(map(_outcome, crew.places))


def command(study: str, *words: str) -> list[str]:
    """Return a worker's command line.

    The database URL is passed in the environment: it may contain a password, and other users can
    see command lines.
    """
    return wire.command(*(words or ("worker",)), study)


def finish(
    study: Study, url: str, *, again: bool = False, number: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Export, prove and test the best model in a fresh process, without state of the training.

    Args:
        again: use the test set for this model even if it was used before.
        number: a trial's number; None: the best trial.
    """
    chosen = [] if number is None else ["--trial", str(number)]
    words = [study.name, *(["--again"] if again else []), *chosen]
    return wire.answer("finish", *words, STUDYHALL_STORAGE=url)


def convert(
    study: Study, url: str, targets: Mapping[str, Path], *, number: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Convert the proven model into other formats in a fresh process.

    Args:
        targets: where each format goes.
        number: a trial's number; None: the best trial.
    """
    chosen = [] if number is None else ["--trial", str(number)]
    words = [f"{form}={path.resolve()}" for form, path in targets.items()]
    return wire.answer("convert", study.name, *words, *chosen, STUDYHALL_STORAGE=url)


def _watch(
    crew: Crew, look: Callable[[], Sequence[TrialRecord]], signals: list[int], view: View
) -> None:
    """Run the crew until every worker has ended, passing each signal on.

    Raises:
        StorageReplaced: the database became another or an older one, so the workers were stopped.
    """
    passed_on, deadline = 0, float("inf")
    replaced: StorageReplaced | None = None
    while not crew.ended:
        for line in crew.tend():
            view.say(line)
        try:
            for trial in look():
                crew.hear(trial)
        except StorageReplaced as error:
            if replaced is None:
                crew.signal(signal.SIGTERM)
            replaced = error
        if len(signals) > passed_on:
            passed_on += 1
            crew.signal(signals[passed_on - 1])
            view.say(promise(passed_on))
            deadline = time.monotonic() + GRACE_S if passed_on > 1 else deadline
        if time.monotonic() > deadline:
            crew.kill()
        time.sleep(POLL_S)
    if replaced is not None:
        raise replaced
    look()


def promise(times: int) -> str:
    """Return what a launch says after that many signals."""
    if times == 1:
        return "stopping after the current epochs; interrupt again to stop at once"
    return "stopping at once"


@contextmanager
def interruptions() -> Iterator[list[int]]:
    """Collect the SIGINT and SIGTERM that arrive in a `with` block, in order."""
    signals: list[int] = []
    before = {
        number: signal.signal(number, lambda number, frame: signals.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _outcome(place: Place) -> int:
    """Return the launch's exit code for a worker's; an end by any other signal counts as a bug."""
    # A signal while Python starts or shuts down ends the process without our handler.
    told_to_end = {-signal.SIGINT: 130, -signal.SIGTERM: 143}
    code = place.code if place.code is not None else 1
    code = told_to_end.get(code, code)
    return code if code in (0, 2, 130, 143) else 1


def _complaints(crew: Crew) -> Iterator[str]:
    """Yield the end of the log of each worker that ended by a bug or a mistake of the user."""
    for place in crew.places:
        if _outcome(place) in (1, 2):
            with atomic_files.opened(place.log) as log:
                lines = log.read().decode(errors="replace").splitlines()
            yield from lines[-TAIL:] if _outcome(place) == 1 else _last_words(lines)
            yield f"{place.name}: the full log is {place.log}"


def _last_words(lines: list[str]) -> list[str]:
    """Return the lines since the last start: one per mistake of the user."""
    starts = [index for index, line in enumerate(lines) if line.startswith(wire.STARTED)]
    return lines[starts[-1] + 1 :] if starts else lines
