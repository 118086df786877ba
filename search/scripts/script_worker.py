"""The loop of a process that works on a script's study: claim, let the script train, tell."""

from __future__ import annotations

import os
import socket
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import psutil

from studyhall.search import worker
from studyhall.search.process import recycling
from studyhall.search.process.stop import Stop
from studyhall.search.process.wire import STANDBY
from studyhall.search.scripts import opening, replay, script, session
from studyhall.search.scripts.call import Call
from studyhall.search.scripts.script import Script
from studyhall.search.scripts.script_trial import ScriptTrial
from studyhall.search.scripts.session import Searched
from studyhall.search.study import fingerprints, record
from studyhall.search.study.record import Stored
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.trial.context import Context, Outcome
from studyhall.search.trial.objective import TrialRunner
from studyhall.search.trial.plan import Plan
from studyhall.search.worker import Search
from studyhall.storage.database import Database
from studyhall.storage.leases.workers import Worker
from studyhall.storage.queries import status
from studyhall.storage.studies import studies
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials import control
from studyhall.storage.trials.claimed_trial import Claim
from studyhall.storage.trials.trial_store import TrialStore


class Done(BaseException):
    """The worker has nothing left to do: the script must not go on behind its search."""


class ScriptSearch(Search):
    """The way in which a worker handles the trials of a script's search.

    Attributes:
        latest: the trial that began last.
    """

    latest: ScriptTrial | None = None

    def ended(self, context: Context, claim: Claim, outcome: Outcome, reason: str) -> None:
        """Take note of a trial's outcome and print it.

        Raises:
            ConfigError: the first trials of this worker all failed, or this one's failure was to
                end the search.
        """
        super().ended(context, claim, outcome, reason)
        if outcome is Outcome.FAILED and self.latest is not None and self.latest.is_fatal:
            raise ConfigError([f"trial {claim.number} ended the search: {reason}"])


class Forever(recycling.Age):
    """The age of a process that nobody would replace: it never reaches a limit."""

    @property
    def reached(self) -> bool:
        """False."""
        return False

    def announce(self) -> None:
        """Ask for no successor."""


class WorkerPart:
    """A worker of a launch: it runs the script up to the search of its study, and works there.

    Args:
        db: database of the study.
        url: its URL.
        study: the study to work on.
        stop: listens for requests to stop.
    """

    def __init__(self, db: Database, url: str, study: Study, stop: Stop) -> None:
        self._db, self._url, self._study, self._stop = db, url, study, stop

    def search(self, call: Call, url: str | None) -> Searched:
        """Work on the study until nothing is left to do; pass by the script's earlier searches.

        Raises:
            Done: the work is done; the script ends here.
            ConfigError: an earlier search of the script is not over.
        """
        known = script.recorded(self._study)
        mine = self._study.name in (call.name, call.study)
        if mine and known is not None and call.ordinal < known.ordinal:
            return self._behind(self._study, call)
        if mine:
            self._work(call)
        earlier = studies.find(self._db, call.study)
        if earlier is None or not status.status(self._db, earlier).spent:
            raise ConfigError(
                [f'{self._study.name}: the script searches "{call.study}" first, which is not over']
            )
        return self._behind(earlier, call)

    def open(self, call: Call, url: str | None) -> Searched:
        """Refuse: only the process that the user has started runs trials that a script asks for.

        Raises:
            ConfigError: always.
        """
        received = f'received study.ask for "{call.study}" before the search of the workers'
        raise ConfigError([f"{self._study.name}: {received}, expected study.optimize alone"])

    def database(self, url: str | None) -> str:
        """Return the URL of the database of the study."""
        return self._url

    def _behind(self, study: Study, call: Call) -> Searched:
        """Return a study as the script has seen it behind an earlier search."""
        return Searched(self._url, study, call.ordinal, replay.shown(study, call.ordinal))

    def _work(self, call: Call) -> NoReturn:
        ready_s = time.monotonic() - recycling.STARTED_AT - self._stop.waited_s
        if STANDBY in os.environ:
            self._stop.await_turn()
        if not self._stop.asked:
            limits = record.stored(self._study).file.workers
            left = status.status(self._db, self._study).left
            age = recycling.Age(limits, ready_s, left)
            run_trials(self._db, self._study, call, self._stop, age)
        raise Done


def work(db: Database, url: str, study: Study, stop: Stop, folder: Path | None) -> None:
    """Work on a script's study: run the script up to its search, then one trial after another.

    Args:
        db: database of the study.
        url: its URL.
        study: the study.
        stop: listens for requests to stop.
        folder: folder on this machine that the script is run from; default: that of the launch.

    Raises:
        ConfigError: the script differs from the one that the study began with, it ended before its
            search, or the first trials all failed.
        StopNow: the user asked twice to stop.
    """
    worker.begin(db, study)
    known = script.recorded(study)
    assert known is not None
    mine = replace(known, folder=str(folder or known.folder))
    _check_same(study, mine)
    session.play(WorkerPart(db, url, study, stop))
    try:
        script.execute(mine)
    except Done:
        return
    raise ConfigError([f"{known.path} ended before it searched {study.name!r}"])


def run_trials(
    db: Database,
    study: Study,
    call: Call,
    stop: Stop,
    age: recycling.Age,
) -> None:
    """Run trials of a script's study until none is left or a stop is requested.

    Args:
        db: database of the study.
        study: the study.
        call: the search, whose function trains a trial and returns its value.
        stop: tells whether a stop is requested.
        age: of this process; at its limit a fresh one is asked for.

    Raises:
        ConfigError: the first trials all failed, or the script ends the search by a failure.
    """
    free_dead(db, study)
    kind, stored = ScriptSearch(), record.stored(study)
    with closing(store_of(db, study, stored, call)) as store:
        context = context_of(db, study, store, stop)

        def begin(claim: Claim, wait_s: float) -> ScriptTrial:
            kind.latest = ScriptTrial(context, claim, wait_s, call.run, call.after)
            return kind.latest

        worker.run_trials(TrialRunner(context, begin), age, kind)


def context_of(db: Database, study: Study, store: TrialStore, stop: Stop) -> Context:
    """Return what the trials of a script's study share in this process."""
    stored, kind = record.stored(study), Search()
    plan, objects = Plan(stored.file), record.objects(study)
    return Context(db, study, stored, plan, store, objects, kind.keeper(db, study, stored), stop)


def free_dead(db: Database, study: Study) -> None:
    """Free the trials of processes of this machine that are gone, without waiting for silence."""
    here = socket.gethostname()
    for one in status.status(db, study).held:
        if one.host == here and not psutil.pid_exists(one.pid):
            control.free(db, study, one.worker)


def store_of(
    db: Database, study: Study, stored: Stored, call: Call, process: Worker | None = None
) -> TrialStore:
    """Return the access to a study, with the script's own sampler and pruner.

    Those that the command line has named in their place are in the study's record.

    Args:
        db: database of the study.
        study: the study.
        stored: the study as recorded.
        call: the search.
        process: the worker; default: this process.
    """
    chosen = stored.file.search
    own_sampler = call.sampler_of is not None and chosen.sampler == call.sampler
    sampler = call.sampler_of(study.seed) if call.sampler_of is not None and own_sampler else None
    own_pruner = call.pruner_of is not None and chosen.pruner == call.pruner
    pruner = call.pruner_of() if call.pruner_of is not None and own_pruner else None
    return worker.trial_store(db, study, stored, sampler_of=sampler, pruner=pruner, process=process)


def _check_same(study: Study, mine: Script) -> None:
    """Check that the script is the one that the study began with.

    Raises:
        ConfigError: it differs, or is not there.
    """
    stored = record.stored(study)
    if not mine.file.is_file():
        raise ConfigError(
            [f"{study.name}: {mine.file}: received no such file, expected the script"]
        )
    found = opening.found_in(stored.file, mine)
    if problems := fingerprints.differing(stored.inspection, found):
        raise ConfigError([f"{study.name}: {line}" for line in problems])
