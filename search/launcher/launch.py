"""One launch: worker processes on this machine, watched until the budget is spent.

The launcher never imports TensorFlow: it would hold memory of the GPUs that its workers need.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from studyhall.search.display.live import View
from studyhall.search.launcher import dead_workers, places
from studyhall.search.launcher.crew import Crew
from studyhall.search.launcher.place import Place
from studyhall.search.launcher.watch import Watched
from studyhall.search.process import wire
from studyhall.search.process.device import Device
from studyhall.search.process.wire import WorkerProcess
from studyhall.storage.database import Database
from studyhall.storage.queries import status
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies.rows import Study

POLL_S = 0.5
GRACE_S = 30.0  # a worker's longest wait for the end of its epoch, once it was told twice
TAIL = 40  # lines of a worker's log that are shown when it ends by a bug


def launch(
    db: Database,
    study: Study,
    *,
    devices: list[Device],
    view: View,
    url: str,
    early: Sequence[WorkerProcess] = (),
) -> int:
    """Run workers until the study's budget is spent, or somebody interrupts.

    Args:
        db: where the study is.
        study: it.
        devices: what each worker trains on.
        view: shows what goes on.
        url: the database for the workers.
        early: workers that were started before the study was there.

    Returns:
        Exit code: 0 done, 1 a worker ended by a bug, 2 by the user's mistake, 130 interrupted.
    """
    if status.status(db, study).spent:
        return 0
    there = places.places(study, devices, url, early)
    crew = Crew(command(study.name), there, lambda dead: dead_workers.bury(db, study, dead))
    return attend(crew, Watched(db, study, view).look, view)


def attend(crew: Crew, look: Callable[[], Sequence[TrialRecord]], view: View) -> int:
    """Tend a crew until all have left, passing signals on.

    Args:
        look: shows how things stand; the trials that have ended since the last time.

    Returns:
        Exit code, as `launch`.
    """
    with _interruptions() as signals, view:
        _watch(crew, look, signals, view)
    for line in _complaints(crew):
        view.say(line)
    return 128 + signals[0] if signals else max(map(_outcome, crew.places))


def command(study: str, *words: str) -> list[str]:
    """A worker's command line; the URL, which may hold a password, comes by the environment."""
    return wire.command(*(words or ("worker",)), study)


def finish(
    study: Study, url: str, *, again: bool = False, number: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Export, prove and test the best model in a process that never saw the training.

    Args:
        again: use the test set for it, whatever it was used for.
        number: of the trial that is asked for instead of the best.
    """
    chosen = [] if number is None else ["--trial", str(number)]
    words = [study.name, *(["--again"] if again else []), *chosen]
    return wire.answer("finish", *words, STUDYHALL_STORAGE=url)


def _watch(
    crew: Crew, look: Callable[[], Sequence[TrialRecord]], signals: list[int], view: View
) -> None:
    """Tend the crew until every worker is gone, passing each signal on."""
    passed_on, deadline = 0, float("inf")
    while not crew.ended:
        for line in crew.tend():
            view.say(line)
        for trial in look():
            crew.hear(trial)
        if len(signals) > passed_on:
            passed_on += 1
            crew.signal(signals[passed_on - 1])
            view.say(_promise(passed_on))
            deadline = time.monotonic() + GRACE_S if passed_on > 1 else deadline
        if time.monotonic() > deadline:
            crew.kill()
        time.sleep(POLL_S)
    look()


def _promise(times: int) -> str:
    if times == 1:
        return "stopping after the current epochs; once more: at once"
    return "stopping at once"


@contextmanager
def _interruptions() -> Iterator[list[int]]:
    """The signals that arrive meanwhile, in their order."""
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
    """A worker's exit code as the launch's: ended by any other signal counts as a bug."""
    told_to_end = {-signal.SIGINT: 130, -signal.SIGTERM: 143}  # while Python started or ended
    code = place.code if place.code is not None else 1
    code = told_to_end.get(code, code)
    return code if code in (0, 2, 130, 143) else 1


def _complaints(crew: Crew) -> Iterator[str]:
    """The end of the log of each worker that did not end well."""
    for place in crew.places:
        if _outcome(place) in (1, 2):
            lines = place.log.read_text(encoding="utf-8", errors="replace").splitlines()
            yield from lines[-TAIL:] if _outcome(place) == 1 else _last_words(lines)
            yield f"{place.name}: its whole log is {place.log}"


def _last_words(lines: list[str]) -> list[str]:
    """The lines after the last start: a user's mistake, told in one line each."""
    starts = [index for index, line in enumerate(lines) if line.startswith(wire.STARTED)]
    return lines[starts[-1] + 1 :] if starts else lines
