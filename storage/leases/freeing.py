"""Leases that end before their trials: of silent and dead workers, and those handed back."""

from dataclasses import dataclass

from studyhall.storage.database import Row, Transaction
from studyhall.storage.leases.leases import Lease


@dataclass(frozen=True)
class Silent:
    """A lease whose holder fell silent or died, as it stands after it was freed."""

    trial_id: int
    number: int
    fence: int  # the new one
    worker: str
    host: str
    progress: int  # epochs in the history
    barren: int  # how many holders in a row were lost without a new epoch
    seconds: float  # GPU seconds: how long it was held, times devices
    memory_failures: int
    stop: int  # 1: a user has asked to end the trial as pruned


_GRACE = {  # a server that has just started could not receive heartbeats while it was down
    "sqlite": "1 = 1",
    "postgresql": "extract(epoch FROM clock_timestamp() - pg_postmaster_start_time()) > :grace_s",
}

_FREE = """
    UPDATE studyhall_leases SET held = 0, fence = fence + 1, lost = lost + 1,
        previous_worker = worker, memory_failures = memory_failures + :out_of_memory,
        gpu_seconds_used = gpu_seconds_used + devices * (heard_at - claimed_at),
        barren = CASE WHEN progress > progress_at_claim THEN 0 ELSE barren + 1 END
    WHERE study_id = :study_id AND held = 1 AND {which}
    RETURNING trial_id, number, fence, worker, host, progress, barren,
        devices * (heard_at - claimed_at), memory_failures, stop"""


def reclaim(
    transaction: Transaction, study_id: int, *, silence_s: float, grace_s: float
) -> list[Silent]:
    """Free every lease whose holder fell silent; the holder can write nothing more.

    Args:
        transaction: one that holds the lock on the budget.
        study_id: the study's identifier.
        silence_s: seconds without a renewal from which a holder counts as silent.
        grace_s: seconds after the start of a PostgreSQL server during which none does.
    """
    silent = f"heard_at < {{now}} - :silence_s AND {_GRACE[transaction.kind]}"
    rows = transaction.rows(
        _FREE.format(which=silent),
        study_id=study_id,
        out_of_memory=0,
        silence_s=silence_s,
        grace_s=grace_s,
    )
    return sorted((Silent(*row) for row in rows), key=lambda silent: silent.number)


def free(
    transaction: Transaction, study_id: int, worker: str, *, out_of_memory: bool
) -> Silent | None:
    """Free the lease of a worker that is known to be dead; None if it holds none."""
    row = transaction.row(
        _FREE.format(which="worker = :worker"),
        study_id=study_id,
        worker=worker,
        out_of_memory=int(out_of_memory),
    )
    return None if row is None else Silent(*row)


def release(transaction: Transaction, lease: Lease, *, out_of_memory: bool = False) -> Row | None:
    """Hand a trial back.

    Returns:
        `seconds` (GPU seconds used under this lease), `stop` and the new `fence`; None if the
        lease is lost.
    """
    return transaction.row(
        """
        UPDATE studyhall_leases SET held = 0, fence = fence + 1, previous_worker = worker,
            memory_failures = memory_failures + :out_of_memory, heard_at = {now},
            gpu_seconds_used = gpu_seconds_used + devices * ({now} - claimed_at)
        WHERE trial_id = :trial_id AND fence = :fence
        RETURNING devices * (heard_at - claimed_at) AS seconds, stop, fence""",
        trial_id=lease.trial_id,
        fence=lease.fence,
        out_of_memory=int(out_of_memory),
    )
