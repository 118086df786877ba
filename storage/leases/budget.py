"""The study's budget row: its limits, what has been used, and the feed's sequence number.

Every transaction that claims, ends or returns a trial locks this row, so that they run one after
the other. Ending or returning a trial locks its lease first and the budget second; a claim locks
the budget first and the leases of silent workers second. If a silent worker wakes at that moment,
PostgreSQL breaks the deadlock with an error and the transaction is repeated.
"""

from studyhall.storage.database import connection

Row = connection.Row


def lock(transaction: connection.Transaction, study_id: int) -> Row:
    """Lock the study's budget until the transaction ends, and return its row.

    Returns:
        Limits and use so far (`seconds_used`, `gpu_seconds_used` in seconds), the stop flag, and
        `now` and `active_at` in epoch seconds of the database's clock.

    Raises:
        LookupError: the study is gone.
    """
    row = transaction.row(
        """
        SELECT trials, used, drawn, sequence, seconds, gpu_seconds, stop,
            coalesce({now} - started_at - idle_s, 0.0) AS seconds_used, gpu_seconds_used,
            {now} AS now, active_at
        FROM studyhall_budget WHERE study_id = :study_id {lock}""",
        study_id=study_id,
    )
    if row is None:
        raise LookupError("the study has been deleted")
    return row


def reserve(
    transaction: connection.Transaction,
    study_id: int,
    idle_s: float,
    *,
    new: bool = False,
    sampled: bool = False,
) -> int:
    """Count a new trial in the budget and update the study's clock; return the trial's number.

    Args:
        transaction: one that holds the lock on the budget.
        study_id: the study's identifier.
        idle_s: seconds up to now during which no worker was active, which don't count.
        new: True for a new trial, False for one that is continued and already counted.
        sampled: True if a sampler draws the new trial's configuration, False if it was queued.
    """
    reserved = transaction.value(
        """
        UPDATE studyhall_budget SET used = used + :new, drawn = drawn + :sampled,
            idle_s = idle_s + :idle_s, started_at = coalesce(started_at, {now}), active_at = {now}
        WHERE study_id = :study_id AND (:new = 0 OR used < trials)
        RETURNING used - 1""",
        study_id=study_id,
        new=int(new),
        sampled=int(sampled),
        idle_s=idle_s,
    )
    return int(reserved)


def advance(transaction: connection.Transaction, study_id: int, gpu_seconds: float = 0.0) -> int:
    """Return the feed's next sequence number, and add an ended lease's GPU seconds to the budget.

    The number comes from this locked row so that the feed's rows become visible in the order of
    their numbers. With a PostgreSQL sequence a reader could see 8 before 7 and then miss 7, since
    it only asks for rows after the last one it has read.
    """
    moved = transaction.value(
        """
        UPDATE studyhall_budget SET sequence = sequence + 1, active_at = {now},
            gpu_seconds_used = gpu_seconds_used + :gpu_seconds
        WHERE study_id = :study_id RETURNING sequence""",
        study_id=study_id,
        gpu_seconds=gpu_seconds,
    )
    return int(moved)


def elapse(transaction: connection.Transaction, study_id: int, idle_s: float) -> None:
    """Count the time up to now, except the `idle_s` seconds during which no worker was active.

    A claim that is refused because the time is up is the last that the study hears of its
    workers. Without it the clock would stand at the last result, just short of the limit.
    """
    transaction.run(
        """
        UPDATE studyhall_budget SET idle_s = idle_s + :idle_s, active_at = {now}
        WHERE study_id = :study_id""",
        study_id=study_id,
        idle_s=idle_s,
    )


def book(transaction: connection.Transaction, study_id: int, gpu_seconds: float) -> None:
    """Add what an ended lease has used to the budget, in GPU seconds (seconds times devices)."""
    transaction.run(
        """
        UPDATE studyhall_budget SET gpu_seconds_used = gpu_seconds_used + :gpu_seconds,
            active_at = {now}
        WHERE study_id = :study_id""",
        study_id=study_id,
        gpu_seconds=gpu_seconds,
    )
