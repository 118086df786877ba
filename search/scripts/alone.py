"""The search of a script, and what it is for one that runs by itself, by `python tune.py`.

Then its own process runs the trials.

Several such processes share one study; each goes on behind its search once the budget is spent.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from studyhall.search.display.terminal import say
from studyhall.search.process import keras_settings, recycling, waiting
from studyhall.search.process.stop import Stop, StopNow
from studyhall.search.scripts import call as calls
from studyhall.search.scripts import opening, replay, session
from studyhall.search.scripts.call import Call
from studyhall.search.scripts.script import Script, recorded
from studyhall.search.scripts.session import Searched
from studyhall.search.study import record
from studyhall.search.study_file import study_names
from studyhall.storage.database import Database
from studyhall.storage.database.urls import StorageError, default_url
from studyhall.storage.queries import status
from studyhall.storage.studies import studies
from studyhall.storage.studies.rows import Study


class Alone:
    """The part of a process that a user has started by hand: it runs trials until none is left."""

    def search(self, call: Call, url: str | None) -> Searched:
        """Run the trials of a call in this process.

        Raises:
            KeyboardInterrupt, SystemExit: the user has interrupted it; the trial is handed back.
            ConfigError: the call or its study can't be used, or the first trials all failed.
        """
        found = self.open(call, url)
        with closing(Database.open(found.url)) as db:
            if not opening.is_over(found.study, call):
                self._work(db, found.study, call)
            shown = replay.ended(db, found.study, call)
        return replace(found, shown=shown)

    def database(self, url: str | None) -> str:
        """Return the URL of the database of a script's study."""
        return url or default_url()

    def open(self, call: Call, url: str | None) -> Searched:
        """Return the study of a script that asks for its trials, without running any.

        Raises:
            ConfigError: the call or its study can't be used.
        """
        script = started()
        file = calls.study_file(call, script, {"training": {"backend": _backend()}})
        url = url or file.study.storage or default_url()
        with closing(Database.open(url)) as db:
            study = opening.opened(db, file, call, script, say)
        return Searched(url, study, call.ordinal)

    def _work(self, db: Database, study: Study, call: Call) -> None:
        # Imported here, with Keras: a launch asks for the search, too, and only waits for it.
        from studyhall.search.scripts import script_worker

        if call.workers not in (None, 1):
            said = f"n_jobs={call.workers}: this process runs one trial at a time"
            say(f"{said}; for more: studyhall run, or start the script several times")
        stop = Stop()
        age = script_worker.Forever(record.stored(study).file.workers, 0.0, 0.0)
        waiting.stoppable(db, stop)
        with listening(stop), waiting.leaving(stop):
            script_worker.run_trials(db, study, call, stop, age)
        if not stop.asked:
            return
        again = how_to_go_on()
        if stop.code == recycling.EXIT_CODE:
            say(f"a trial ran out of memory; {again}, and a fresh process tries it")
        if status.status(db, study).spent:
            return
        say(f"{study.name}: the trial is handed back; {again} to go on")
        if stop.code == 128 + signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(stop.code or 1)


def search(call: Call, url: str | None = None) -> Searched:
    """Bring a study to its end, in the part that this process plays; see `session.Part.search`."""
    counted = replace(call, ordinal=session.count(call.study))
    try:
        return (session.part() or Alone()).search(counted, url)
    except BaseException:
        session.uncount(call.study)
        raise


def opened(call: Call, url: str | None = None) -> Searched:
    """Return the study of a script that asks for its trials; see `session.Part.open`."""
    counted = replace(call, ordinal=session.count(call.study))
    return (session.part() or Alone()).open(counted, url)


def before(name: str, url: str | None) -> Searched | None:
    """Return a study as the script finds it before its first search; None if it sees nothing.

    Trials of its own are those of its searches, which it comes to again. It sees those that Optuna
    has run, and all if another program has run them, or if it asks for its trials one by one.
    """
    place = (session.part() or Alone()).database(url)
    try:
        with closing(Database.open(place, create=False)) as db:
            return _seen(db, name, place)
    except StorageError:  # which the search tells, if it is more than a database to be created
        return None


def _seen(db: Database, name: str, place: str) -> Searched | None:
    study = opening.adopted(db, name) or studies.find(db, study_names.legal(name))
    if study is None:
        return None
    known = recorded(study)
    if known is None or known.asks or known.file != started().file:
        return Searched(place, study)
    count = study.config.get(opening.ADOPTED, 0)
    return Searched(place, study, shown=count) if count else None


def how_to_go_on() -> str:
    """Return what a user does to go on with a search that was interrupted."""
    return "run the script again" if session.main_file() else "run the cell again"


def _backend() -> str:
    """Return the Keras backend of this process: the one that is imported, or will be."""
    return keras_settings.backend_in_use() or keras_settings.backend_here()[0]


def started() -> Script:
    """Return the script that this process runs; for cells of a notebook, one without a file."""
    path, folder = session.main_file(), Path.cwd()
    if path is None or path.suffix != ".py":  # such as a program that imports the script
        return Script.at(folder / f"{session.NOTEBOOK}.py", folder, [])
    return Script.at(path, folder, sys.argv[1:])


@contextmanager
def listening(stop: Stop) -> Iterator[None]:
    """Treat Ctrl-C and SIGTERM as requests to stop after the epoch, in the main thread only.

    Raises:
        KeyboardInterrupt: the user has interrupted twice.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}
    stop.listen()
    try:
        yield
    except StopNow:  # no exception that a user's program knows
        raise KeyboardInterrupt from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
