"""Workers that fall silent or die: their leases are freed, for other workers to take over.

The fence of a freed lease grows, so a worker that was only slow can write nothing more. Taking a
freed trial over is an ordinary claim, see `takeover.take_free`.
"""

from dataclasses import dataclass

from studyhall.storage.database import Transaction
from studyhall.storage.database.clock import ClockWatch
from studyhall.storage.leases import leases


@dataclass(frozen=True)
class Terms:
    """The timing of a study's leases and the limit of their takeovers.

    Args:
        silence_s: seconds without a renewal after which another worker may take the trial over.
        retries: how many takeovers in a row may end without a new epoch before the trial fails.
        heartbeat_s: seconds between renewals.
    """

    silence_s: float = 90.0
    retries: int = 3
    heartbeat_s: float = 15.0

    @property
    def grace_s(self) -> float:
        """The seconds in which every worker that is alive renews its lease.

        For so long a process must have seen the database at hand, and its clock run steadily,
        before it takes a worker for silent.
        """
        return min(2 * self.heartbeat_s, self.silence_s)

    def can_tell(self, clock: ClockWatch, now: float) -> bool:
        """Tell whether a process can tell by now which workers are silent.

        Args:
            clock: what it has seen of the database's clock.
            now: the database's time, just read.
        """
        return clock.steady_s(now, self.silence_s / 4) >= self.grace_s


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
    too_small_mib: int  # the largest memory that was not enough; 0 if unknown
    stop: int  # 1: a user has asked to end the trial as pruned


_FREE = f"""
    UPDATE studyhall_leases SET held = 0, fence = fence + 1, lost = lost + 1,
        previous_worker = worker, {leases.TOO_SMALL},
        gpu_seconds_used = gpu_seconds_used + devices * (heard_at - claimed_at),
        barren = CASE WHEN progress > progress_at_claim THEN 0 ELSE barren + 1 END
    WHERE study_id = :study_id AND held = 1 AND {{which}}
    RETURNING trial_id, number, fence, worker, host, progress, barren,
        devices * (heard_at - claimed_at), memory_failures, too_small_mib, stop"""


def reclaim(transaction: Transaction, study_id: int, terms: Terms) -> list[Silent]:
    """Free every lease whose holder fell silent; the holder can write nothing more.

    Args:
        transaction: one that holds the lock on the budget.
        study_id: the study's identifier.
        terms: from when a holder counts as silent.

    Returns:
        The freed leases, sorted by the trials' numbers.
    """
    rows = transaction.rows(
        _FREE.format(which=leases.SILENT),
        study_id=study_id,
        out_of_memory=0,
        silence_s=terms.silence_s,
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
