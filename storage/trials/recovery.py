"""Freeing the trials of workers that fell silent; ending those that no worker survives."""

import math
from typing import Any

from studyhall.storage.database import Transaction
from studyhall.storage.leases import budget, leases
from studyhall.storage.leases.leases import Lease, LeaseLost, Silent, Terms
from studyhall.storage.trials import history as past
from studyhall.storage.trials import results
from studyhall.storage.trials.results import Result


def reclaim(transaction: Transaction, study_id: int, terms: Terms) -> list[Silent]:
    """Frees every silent lease, and fails the trials that have had their last chance.

    The study's budget row must be locked.
    """
    silent = leases.reclaim(transaction, study_id, silence_s=terms.silence_s, grace_s=terms.grace_s)
    _settle(transaction, study_id, silent, terms)
    return silent


def free(
    transaction: Transaction, study_id: int, worker: str, terms: Terms, *, out_of_memory: bool
) -> Silent | None:
    """Likewise for the lease of one worker that is known to be dead, silent or not.

    The study's budget row must be locked.
    """
    found = leases.free(transaction, study_id, worker, out_of_memory=out_of_memory)
    _settle(transaction, study_id, [] if found is None else [found], terms)
    return found


def _settle(transaction: Transaction, study_id: int, silent: list[Silent], terms: Terms) -> None:
    """Books what the dead have used, and fails what they did not survive once too often."""
    if silent:
        budget.book(transaction, study_id, sum(one.seconds for one in silent))
    for one in silent:
        if one.stop:
            prune(transaction, study_id, one.trial_id, one.fence)
        elif one.barren > terms.retries:
            fail(transaction, study_id, one.trial_id, one.fence, *_cause(one))


def _cause(silent: Silent) -> tuple[str, str]:
    """The reason for which a trial is failed, and what stopped it in a word or two."""
    died = f"its workers died {silent.barren} times in a row without completing an epoch"
    last = f"the last one {silent.worker} on {silent.host}"
    if not silent.memory_failures:
        return f"{died}, {last}", "worker died"
    return f"{died}, {silent.memory_failures} times out of memory, {last}", results.OUT_OF_MEMORY


def fail(
    transaction: Transaction, study_id: int, trial_id: int, fence: int, reason: str, stopped: str
) -> None:
    """Ends a trial without a value, on somebody else's behalf.

    Raises:
        LeaseLost: it is not held under this fence.
    """
    attributes: dict[str, object] = {"reason": reason, "stopped": stopped}
    result = left_behind(transaction, trial_id, results.FAIL, attributes)
    results.finish(transaction, study_id, trial_id, fence, result)


def hand_back(
    transaction: Transaction, study_id: int, lease: Lease, *, out_of_memory: bool
) -> None:
    """Frees a trial at its holder's wish, or ends it if somebody has stopped it.

    Raises:
        LeaseLost: somebody else holds it.
    """
    freed = leases.release(transaction, lease, out_of_memory=out_of_memory)
    if freed is None:
        raise LeaseLost
    budget.book(transaction, study_id, freed.seconds)
    if freed.stop:
        prune(transaction, study_id, lease.trial_id, freed.fence)


def prune(transaction: Transaction, study_id: int, trial_id: int, fence: int) -> None:
    """Ends a trial that somebody has stopped and nobody runs.

    Raises:
        LeaseLost: it is not held under this fence.
    """
    result = left_behind(transaction, trial_id, results.PRUNED, {"stopped": "by hand"})
    results.finish(transaction, study_id, trial_id, fence, result)


def left_behind(
    transaction: Transaction, trial_id: int, state: str, attributes: dict[str, object]
) -> Result:
    """The result of a trial that has no worker, from what the database holds of it.

    Its value is that of its best epoch if it is PRUNED, and none if it is to FAIL.
    """
    row = transaction.row(
        "SELECT params, distributions FROM studyhall_leases WHERE trial_id = :trial_id",
        trial_id=trial_id,
    )
    reports = past.reports(transaction, trial_id)
    finite = {step: value for step, value in reports.items() if math.isfinite(value)}
    best = results.best_step(finite)
    return Result(
        state=state,
        value=None if best is None or state == results.FAIL else finite[best],
        reports=reports,
        best_epoch=None if _several(past.history(transaction, trial_id)) else best,
        params=(row and row.params) or "{}",
        distributions=(row and row.distributions) or "{}",
        attributes=attributes,
        system_attributes=past.notes(transaction, trial_id),
        direction=past.direction(transaction, trial_id),
    )


def _several(history: list[dict[str, Any]]) -> bool:
    """Whether a trial went on to a second training, so that its steps are no epochs."""
    return any(row["fold"] > 0 for row in history)
