"""The trials that a script asks for and runs itself, each under a lease until it is told."""

from __future__ import annotations

import atexit
import contextlib
import os
from dataclasses import replace
from typing import Any, NoReturn

from studyhall.search.process import identity
from studyhall.search.process.stop import Stop
from studyhall.search.scripts import script_worker
from studyhall.search.scripts.call import Call
from studyhall.search.scripts.script_trial import ScriptTrial
from studyhall.search.scripts.session import Searched
from studyhall.search.study import record
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.trial.result import Ended
from studyhall.storage.database import Database
from studyhall.storage.database.urls import StorageError, storage_option
from studyhall.storage.leases.leases import LeaseLost
from studyhall.storage.studies import studies
from studyhall.storage.trials.claim import Exhausted
from studyhall.storage.trials.claimed_trial import Claim
from studyhall.storage.trials.trial_store import TrialStore

WORKER = "asked"  # before the number of a process's claim, in the name of its worker


class Asked:
    """The trials that this process holds; each that is asked for raises the study's budget by one.

    A trial that another process has left is taken up first. Those that this one holds when it ends
    are handed back; if it is killed, others find out by its silence.

    Args:
        searched: the study.
        call: the search, with the script's sampler and pruner.
    """

    def __init__(self, searched: Searched, call: Call) -> None:
        self._db = Database.open(searched.url)
        self._study, self._call = searched.study, call
        self._stored = record.stored(searched.study)
        self._stop = Stop()
        self._idle: list[TrialStore] = []
        self._opened = 0
        self._held: dict[int, ScriptTrial] = {}
        script_worker.free_dead(self._db, self._study)
        atexit.register(self.close)

    def ask(self) -> ScriptTrial:
        """Return a trial for the script to run.

        Raises:
            ConfigError: the study is stopped, or its time is spent.
        """
        store = self._idle.pop() if self._idle else self._new_store()
        claim = self._claim(store)
        context = script_worker.context_of(self._db, self._study, store, self._stop)
        trial = ScriptTrial(context, claim, 0.0, lambda trial: None, self._call.after)
        trial.start()
        self._held[trial.number] = trial
        return trial

    def held(self, number: int) -> ScriptTrial | None:
        """Return a trial that this process holds; None if it holds none of that number."""
        return self._held.get(number)

    def tell(self, number: int, state: Ended, values: Any, reason: str) -> None:
        """End a trial.

        Raises:
            ConfigError: another process has taken the trial over.
        """
        trial = self._held.pop(number)
        try:
            trial.conclude(state, values, reason)
        except LeaseLost:
            self._lost(number)
        self._idle.append(trial.context.store)

    def close(self) -> None:
        """Hand back the trials that are left."""
        atexit.unregister(self.close)
        for trial in self._held.values():
            with contextlib.suppress(LeaseLost, StorageError):
                trial.context.store.release(trial.claim)
        for store in [*self._idle, *(trial.context.store for trial in self._held.values())]:
            store.close()
        self._held.clear()
        self._db.close()

    def _claim(self, store: TrialStore) -> Claim:
        while not isinstance(found := store.claim(), Claim):
            if isinstance(found, Exhausted) and found.reason != "trials":
                why = f"its limit of {found.reason} is reached"
                if found.reason == "stopped":
                    again = f"studyhall resume {self._study.name}{storage_option(str(self._db))}"
                    why = f"it is stopped; resume it with: {again}"
                raise ConfigError([f"{self._study.name}: {why}"])
            studies.extend(self._db, self._study, trials=1)
        return found

    def _new_store(self) -> TrialStore:
        """Return an access to the study under a name of its own: each holds one trial."""
        self._opened += 1
        name = identity.name(f"{WORKER}-{self._opened}", os.getpid())
        worker = replace(identity.this_process(), name=name)
        return script_worker.store_of(self._db, self._study, self._stored, self._call, worker)

    def _lost(self, number: int) -> NoReturn:
        received = f"received trial {number}, which another process has taken over"
        raise ConfigError([f"study.tell: {received}, expected one that this process holds"])
