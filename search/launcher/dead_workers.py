"""What becomes of the trial of a worker that the launcher has seen die."""

from __future__ import annotations

from studyhall.search.launcher.crew import Dead
from studyhall.search.process import model_size
from studyhall.search.study import record
from studyhall.storage.database import Database
from studyhall.storage.database.urls import StorageAway
from studyhall.storage.leases.lease import Silent, Terms
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials import control
from studyhall.storage.trials.results import OUT_OF_MEMORY

MEMORY_FAILURES = 2  # how often a trial may run out of memory
UNCOUNTED = 10**9  # deaths: for want of memory they are counted by themselves


def bury(db: Database, study: Study, dead: Dead) -> bool:
    """Free the trial at once, so that it goes on; the second time without memory, fail it.

    While the database is away nothing happens: in time the worker's silence will do it.

    Returns:
        Whether the worker had a trial.
    """
    chosen = record.stored(study).file.workers
    retries = UNCOUNTED if dead.out_of_memory else chosen.retries
    terms = Terms(chosen.silence, retries, chosen.heartbeat)
    if db.away_since is not None:
        return False
    try:
        left = control.free(db, study, dead.worker, out_of_memory=dead.out_of_memory, terms=terms)
        if left is not None and dead.out_of_memory and left.memory_failures >= MEMORY_FAILURES:
            reason = _reason(dead, left)
            control.fail(db, study, left.trial_id, left.fence, reason, OUT_OF_MEMORY)
    except StorageAway:
        return False
    return left is not None


def _reason(dead: Dead, left: Silent) -> str:
    of_it = dead.model if dead.model.get("trial") == left.number else {}
    size = model_size.in_words(of_it)
    return f"out of memory, {left.memory_failures} times: {size}; {dead.how}"
