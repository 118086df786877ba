"""Freeing the trials of workers that fell silent; ending those that no worker survives."""

import math

from storage import budget, leases, past, results
from storage.database import Transaction
from storage.leases import Silent, Terms
from storage.results import Result


def reclaim(transaction: Transaction, study_id: int, terms: Terms) -> list[Silent]:
    """Frees every silent lease, and fails the trials that have had their last chance.

    The study's budget row must be locked.
    """
    silent = leases.reclaim(transaction, study_id, silence_s=terms.silence_s, grace_s=terms.grace_s)
    if silent:
        budget.book(transaction, study_id, sum(one.seconds for one in silent))
    for one in silent:
        if one.barren > terms.retries:
            _fail(transaction, study_id, one)
    return silent


def _fail(transaction: Transaction, study_id: int, silent: Silent) -> None:
    reason = (
        f"its workers died {silent.barren} times in a row without completing an epoch, "
        f"the last one {silent.worker} on {silent.host}"
    )
    result = left_behind(
        transaction, silent.trial_id, results.FAIL, {"reason": reason, "stopped": "worker died"}
    )
    results.finish(transaction, study_id, silent.trial_id, silent.fence, result)


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
        best_epoch=best,
        params=(row and row.params) or "{}",
        distributions=(row and row.distributions) or "{}",
        attributes=attributes,
        system_attributes=past.notes(transaction, trial_id),
    )
