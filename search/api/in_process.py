"""A study whose trials run in this process, with the engine that workers have."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

from studyhall.search import worker
from studyhall.search.cli import stopping
from studyhall.search.display import live, show
from studyhall.search.display.terminal import out, say
from studyhall.search.launcher.watch import Watched
from studyhall.search.notices.following import following
from studyhall.search.process import quiet as silence
from studyhall.search.process import recycling, waiting
from studyhall.search.process.stop import Stop
from studyhall.search.scripts import alone, session
from studyhall.search.scripts.script_worker import Forever
from studyhall.search.study import record
from studyhall.search.trial.blueprints import Blueprint
from studyhall.search.trial.context import Context, Outcome, SearchContext
from studyhall.search.trial.objective import Objective
from studyhall.search.worker import Search
from studyhall.spaces import randomness
from studyhall.storage.database import Database
from studyhall.storage.queries import status
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials.claimed_trial import Claim

POLL_S = 0.5
INTERRUPTED = 128 + signal.SIGINT


class Shown(Search):
    """A search whose trials a view shows, so that none is printed by the worker's loop."""

    def show(self, context: Context, claim: Claim, outcome: Outcome) -> None:
        """Print nothing."""


def work(db: Database, study: Study, url: str, *, quiet: bool) -> int:
    """Run trials of a study in this process until its budget is spent or the user interrupts.

    Args:
        db: database of the study.
        study: the study.
        url: URL of the database.
        quiet: print remarks and the result only.

    Returns:
        The exit code, as for `launch.launch`.

    Raises:
        ConfigError: data or code differ from those that the study began with, or the first trials
            all failed.
        KeyboardInterrupt: the user interrupted twice.
    """
    stopping.lift(db, study)
    if status.status(db, study).spent:
        return 0
    silence.import_keras()
    stop = Stop()
    with (
        alone.listening(stop),
        following(db, study),
        _watched(url, study, quiet=quiet),
        waiting.leaving(stop),
    ):
        train(db, study, stop)
    say(*show.standing(study, status.status(db, study)))
    again = "run the program again" if session.main_file() else "run the cell again"
    if stop.code == recycling.EXIT_CODE:
        say(f"a trial ran out of memory; {again} in a fresh process to go on")
    if stop.code == INTERRUPTED and not status.status(db, study).spent:
        say(f"{study.name}: the trial is handed back; {again} to go on")
    return stop.code if stop.code != recycling.EXIT_CODE else 0


def train(db: Database, study: Study, stop: Stop) -> Blueprint:
    """Run trials in this process, printing nothing; return the blueprint of their models.

    Keras' settings and the random generators are afterwards as they were before.

    Args:
        db: database of the study.
        study: the study.
        stop: tells whether a stop is requested.

    Raises:
        ConfigError: as `work`.
        StopNow: the user interrupted twice.
    """
    waiting.stoppable(db, stop)
    stored, kind = record.stored(study), Shown()
    plan, objects = worker.plan_of(stored, stored.folder, study), record.objects(study)
    keeper = kind.keeper(db, study, stored)
    with settings_kept(), closing(worker.trial_store(db, study, stored, plan.space)) as store:
        context = SearchContext(db, study, stored, plan, store, objects, keeper, stop)
        runner = Objective(context, kind.begin)
        worker.run_trials(runner, Forever(stored.file.workers, 0.0, 0.0), kind)
    keeper.tidy()
    return plan


@contextmanager
def settings_kept() -> Iterator[None]:
    """Restore what trials change in a `with` block, since the process is the user's."""
    import keras

    policy, form = keras.config.dtype_policy(), keras.config.image_data_format()
    generators = randomness.state()
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)
        keras.config.set_image_data_format(form)
        randomness.restore(generators)


@contextmanager
def _watched(url: str, study: Study, *, quiet: bool) -> Iterator[None]:
    """Show the study's progress in a `with` block, from a thread with its own connection."""
    over = threading.Event()
    view = live.view(out, study.name, quiet=quiet)

    def watch() -> None:
        with closing(Database.open(url, create=False)) as db:
            watched = Watched(db, study, view)
            ready.set()
            while not over.wait(POLL_S):
                watched.look()
            watched.look()

    ready = threading.Event()
    thread = threading.Thread(target=watch, daemon=True, name="view")
    with view:
        thread.start()
        ready.wait(POLL_S)
        try:
            yield
        finally:
            over.set()
            thread.join()
