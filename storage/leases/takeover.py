"""The takeover of a free trial: by any worker, unless it needs one with more memory.

A trial whose worker ran out of memory is left to a larger worker, while one is alive and the others
have something else to do. After it ran out of memory a second time only larger workers may try it.
Where the memory that was not enough is unknown, nobody counts as larger, and anybody may try.
"""

from studyhall.storage.database import Transaction
from studyhall.storage.leases import leases
from studyhall.storage.leases.leases import Lease
from studyhall.storage.leases.workers import Worker

LARGER = 1.05  # times as much memory, at least: hosts of one kind differ by some MiB


def take_free(
    transaction: Transaction, study_id: int, worker: Worker, token: str, largest_mib: int
) -> Lease | None:
    """Take over the first trial, by number, that was handed back or reclaimed and fits the worker.

    Epochs in its history after its checkpoint must be trained again: they are added to
    `repeated_epochs` and `repeated_s`.

    Args:
        transaction: one that holds the lock on the budget.
        study_id: the study's identifier.
        worker: the new holder.
        token: identifies the claim, see `leases.find`.
        largest_mib: the memory of the largest worker that is alive; 0 to leave no trial to it.

    Returns:
        The lease; None if no free trial is for this worker.
    """
    rows = transaction.rows(
        f"""
        UPDATE studyhall_leases SET held = 1, fence = fence + 1, attempt = attempt + 1,
            token = :token, {leases.HOLDER}, claimed_at = {{now}}, heard_at = {{now}},
            progress_at_claim = progress,
            repeated_epochs = repeated_epochs + progress - checkpoint_progress,
            repeated_s = repeated_s + (
                SELECT coalesce(sum(h.seconds), 0) FROM (
                    SELECT seconds, row_number() OVER (ORDER BY fold, epoch) AS place
                    FROM studyhall_history WHERE trial_id = studyhall_leases.trial_id) h
                WHERE h.place > studyhall_leases.checkpoint_progress)
        WHERE trial_id = (SELECT trial_id FROM studyhall_leases
            WHERE study_id = :study_id AND held = 0 AND (too_small_mib = 0
                OR :memory_mib >= {LARGER} * too_small_mib
                OR (memory_failures = 1 AND :largest_mib < {LARGER} * too_small_mib))
            ORDER BY number LIMIT 1)
        RETURNING {leases.COLUMNS}""",
        study_id=study_id,
        token=token,
        largest_mib=largest_mib,
        **leases.holder(worker),
    )
    return Lease(*rows[0]) if rows else None


def largest_mib(transaction: Transaction, study_id: int, silence_s: float) -> int:
    """Return the memory of the largest worker of the study that is alive, in MiB; 0 if unknown."""
    found = transaction.value(
        """
        SELECT coalesce(max(memory_mib), 0) FROM studyhall_workers
        WHERE study_id = :study_id AND abs({now} - seen_at) <= :silence_s""",
        study_id=study_id,
        silence_s=silence_s,
    )
    return int(found)


def is_larger(mib: int, than_mib: int) -> bool:
    """Tell whether a worker's memory is larger than one that was not enough (0: unknown)."""
    return than_mib > 0 and mib >= LARGER * than_mib
