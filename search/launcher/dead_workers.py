"""The handling of trials whose workers have died or no longer send heartbeats."""

from __future__ import annotations

import time
from collections.abc import Callable

from studyhall.search.display import words
from studyhall.search.launcher.crew import Dead
from studyhall.search.launcher.watch import ANSWER_S
from studyhall.search.process import wire
from studyhall.search.process.patience import TooLong, at_most
from studyhall.search.study import record
from studyhall.storage.database import Database
from studyhall.storage.database.urls import StorageAway, StorageReplaced
from studyhall.storage.leases.silence import Silent, Terms
from studyhall.storage.queries import records
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials import control
from studyhall.storage.trials.results import OUT_OF_MEMORY

POLL_S = 0.5
MEMORY_FAILURES = 2  # a trial fails when it runs out of memory this often
UNCOUNTED = 10**9  # no limit of retries: deaths by memory are counted separately


def bury(db: Database, study: Study, dead: Dead) -> bool:
    """Release the trial of a dead worker at once; fail it if it ran out of memory twice.

    It doesn't fail while a worker is alive that has more memory.

    Do nothing while the database can't be reached: the trial is released later, when the worker's
    heartbeat is overdue.

    Returns:
        True if the worker held a trial.
    """
    chosen = record.stored(study).file.workers
    retries = UNCOUNTED if dead.out_of_memory else chosen.retries
    terms = Terms(chosen.silence, retries, chosen.heartbeat)
    if db.away_since is not None:
        return False
    try:
        with at_most(ANSWER_S):  # the launcher must not wait: it passes signals on
            return _free(db, study, dead, terms)
    except (StorageAway, StorageReplaced, TooLong):
        return False


def _free(db: Database, study: Study, dead: Dead, terms: Terms) -> bool:
    died_of_memory = dead.out_of_memory
    left = control.free(
        db, study, dead.worker, out_of_memory=died_of_memory, terms=terms, patience_s=0.0
    )
    if left is not None and died_of_memory and not _may_go_on(db, study, left, terms):
        reason = _reason(dead, left)
        fenced = (left.trial_id, left.fence)
        control.fail(db, study, *fenced, reason, OUT_OF_MEMORY, patience_s=0.0)
    return left is not None


def _may_go_on(db: Database, study: Study, left: Silent, terms: Terms) -> bool:
    """Tell whether a trial may be tried again after its worker ran out of memory."""
    return left.memory_failures < MEMORY_FAILURES or control.has_larger(
        db, study, left.too_small_mib, terms.silence_s, patience_s=0.0
    )


def _reason(dead: Dead, left: Silent) -> str:
    of_it = dead.model if dead.model.get("trial") == left.number else {}
    size = wire.model_in_words(of_it)
    return f"out of memory, {left.memory_failures} times: {size}; {dead.how}"


def reap(db: Database, study: Study, tell: Callable[[str], None]) -> list[str]:
    """Release every trial whose worker's heartbeat is older than the study file allows.

    Where one seems to be, it watches for some seconds whether another one comes: the database's
    clock may have been set meanwhile.

    Args:
        db: the database of the study.
        study: the study.
        tell: prints a line on what it waits for.

    Returns:
        A line for each such trial: its worker and its new state.
    """
    chosen = record.stored(study).file.workers
    terms = Terms(chosen.silence, chosen.retries, chosen.heartbeat)
    watches = False
    while (freed := control.reap(db, study, terms)) is None:
        if not watches:
            watches = True
            watching = f"watching its workers for {words.duration(terms.grace_s)}"
            tell(f"{study.name}: {watching}: who is alive sends a heartbeat")
        time.sleep(POLL_S)
    return [f"{study.name}: {_told(db, study, silent, terms)}" for silent in freed]


def _told(db: Database, study: Study, silent: Silent, terms: Terms) -> str:
    who = f"{silent.worker} sent no heartbeat for more than {words.duration(terms.silence_s)}"
    trial = records.trial(db, study, silent.number)
    if trial is None or trial.state == "RUNNING":
        return f"trial {silent.number} waits for another worker: {who}"
    why = trial.attributes.get("reason") or "it had been stopped"
    return f"trial {silent.number} {words.state(trial)}: {who}; {why}"
