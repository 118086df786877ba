"""The recovery of trials whose workers fell silent or died: free them, or end them.

A trial fails when too many workers in a row have died on it without completing an epoch, or when it
waits for a worker with more memory and none is left.
"""

import math
from typing import Any

from studyhall.storage.database import Transaction
from studyhall.storage.leases import budget, leases, silence, takeover
from studyhall.storage.leases.leases import Lease, LeaseLost
from studyhall.storage.leases.silence import Silent, Terms
from studyhall.storage.trials import ending, results
from studyhall.storage.trials import history as past
from studyhall.storage.trials.results import Result


def reclaim(transaction: Transaction, study_id: int, terms: Terms) -> list[Silent]:
    """Free every silent lease; fail trials without retries, or without a worker that is enough.

    The study's budget row must be locked.
    """
    silent = silence.reclaim(transaction, study_id, terms)
    _settle(transaction, study_id, silent, terms)
    _give_up(transaction, study_id, terms)
    return silent


def free(
    transaction: Transaction, study_id: int, worker: str, terms: Terms, *, out_of_memory: bool
) -> Silent | None:
    """Free the lease of a worker that is known to be dead; fail a trial without retries left.

    The study's budget row must be locked.

    Returns:
        The freed lease; None if the worker held none.
    """
    found = silence.free(transaction, study_id, worker, out_of_memory=out_of_memory)
    _settle(transaction, study_id, [] if found is None else [found], terms)
    return found


def _settle(transaction: Transaction, study_id: int, silent: list[Silent], terms: Terms) -> None:
    """Add the GPU seconds of freed leases to the budget, and end trials that must not go on.

    A trial that a user has stopped is pruned, one without retries left fails.
    """
    if silent:
        budget.book(transaction, study_id, sum(one.seconds for one in silent))
    for one in silent:
        if one.stop:
            prune(transaction, study_id, one.trial_id, one.fence)
        elif one.barren > terms.retries:
            fail(transaction, study_id, one.trial_id, one.fence, *_cause(one))


def _give_up(transaction: Transaction, study_id: int, terms: Terms) -> None:
    """Fail each trial that has waited for a larger worker, and for the silence of the last one."""
    largest = takeover.largest_mib(transaction, study_id, terms.silence_s)
    rows = transaction.rows(
        f"""
        SELECT trial_id, fence, memory_failures, too_small_mib FROM studyhall_leases
        WHERE study_id = :study_id AND held = 0 AND memory_failures > 1
            AND too_small_mib > 0 AND {leases.SILENT}""",
        study_id=study_id,
        silence_s=terms.silence_s,
    )
    for row in rows:
        if not takeover.is_larger(largest, row.too_small_mib):
            often = f"out of memory, {row.memory_failures} times"
            reason = f"{often}, with {row.too_small_mib} MiB; no worker with more is left"
            fail(transaction, study_id, row.trial_id, row.fence, reason, results.OUT_OF_MEMORY)


def _cause(silent: Silent) -> tuple[str, str]:
    """Return the reason why a trial fails, as a sentence and in a word or two."""
    several = f"its workers died {silent.barren} times in a row"
    died = "its worker died" if silent.barren == 1 else several
    last = f"last worker: {silent.worker} on {silent.host}"
    if not silent.memory_failures:
        return f"{died} without completing an epoch; {last}", "worker died"
    memory = f"({silent.memory_failures} × out of memory)"
    return f"{died} without completing an epoch {memory}; {last}", results.OUT_OF_MEMORY


def fail(
    transaction: Transaction,
    study_id: int,
    trial_id: int,
    fence: int,
    reason: str,
    stopped: str,
    token: str | None = None,
) -> None:
    """End a trial as failed, from outside its worker.

    Args:
        transaction: one that holds the lock on the budget.
        study_id: the study's identifier.
        trial_id, fence: of the trial's lease.
        reason: the reason, as a sentence for the user.
        stopped: the reason in a word or two, for tables.
        token: of the lease, if its holder ends it.

    Raises:
        LeaseLost: the lease has another fence, or the trial has ended.
    """
    attributes: dict[str, object] = {"reason": reason, "stopped": stopped}
    result = left_behind(transaction, trial_id, results.FAIL, attributes)
    ending.finish(transaction, study_id, trial_id, fence, result, token=token)


def hand_back(
    transaction: Transaction, study_id: int, lease: Lease, *, out_of_memory: bool
) -> None:
    """Free a trial that its worker hands back; end it as pruned if a user has stopped it.

    Raises:
        LeaseLost: another worker holds it.
    """
    freed = leases.release(transaction, lease, out_of_memory=out_of_memory)
    if freed is None:
        raise LeaseLost
    budget.book(transaction, study_id, freed.seconds)
    if freed.stop:
        prune(transaction, study_id, lease.trial_id, freed.fence)


def prune(transaction: Transaction, study_id: int, trial_id: int, fence: int) -> None:
    """End a trial that a user has stopped and no worker runs, as pruned.

    Raises:
        LeaseLost: the lease has another fence, or the trial has ended.
    """
    result = left_behind(transaction, trial_id, results.PRUNED, {"stopped": "by hand"})
    ending.finish(transaction, study_id, trial_id, fence, result)


def left_behind(
    transaction: Transaction, trial_id: int, state: str, attributes: dict[str, object]
) -> Result:
    """Return the result of a trial that has no worker, from what the database holds of it.

    Args:
        transaction: the one to read in.
        trial_id: Optuna's identifier of the trial.
        state: PRUNED, with the cost of the best epoch, or FAIL, without a value.
        attributes: user attributes of the result.
    """
    row = transaction.row(
        "SELECT params, distributions FROM studyhall_leases WHERE trial_id = :trial_id",
        trial_id=trial_id,
    )
    reports = past.reports(transaction, trial_id)
    finite = {step: value for step, value in reports.items() if math.isfinite(value)}
    history = past.history(transaction, trial_id)
    return Result(
        state=state,
        value=None if state == results.FAIL else min(finite.values(), default=None),
        reports=reports,
        best_epoch=None if _several(history) else results.best_epoch(history),
        params=(row and row.params) or "{}",
        distributions=(row and row.distributions) or "{}",
        attributes=attributes,
        system_attributes=past.notes(transaction, trial_id),
        direction=past.direction(transaction, trial_id),
    )


def _several(history: list[dict[str, Any]]) -> bool:
    """Tell whether a trial consists of several trainings (folds): its steps are not epochs then."""
    return any(row["fold"] > 0 for row in history)
