"""The study's budget row: its limits, what has been used, and the feed's sequence number.

Every transaction that claims, ends or returns a trial locks this row, so that they run one after
the other. Ending or returning a trial locks its lease first and the budget second; a claim locks
the budget first and the leases of silent workers second. If a silent worker wakes at that moment,
PostgreSQL breaks the deadlock with an error and the transaction is repeated.
"""

from studyhall.storage.database import connection

Row = connection.Row

# The clock may be set, back or forth, and workers may be gone: the time since the study was last
# active counts only if it is no longer than workers are ever silent.
_COUNTS = "{{now}} - {b}active_at BETWEEN 0 AND {b}silence_s"
_TICK = f"""idle_s = idle_s + CASE WHEN {_COUNTS.format(b="")} THEN 0
                ELSE coalesce({{now}} - active_at, 0) END, active_at = {{now}}"""


def seconds_used(budget: str, active: str = "1 = 1") -> str:
    """Return SQL for the time that a study has used, in seconds; null before its first claim.

    Args:
        budget: the name of its row in the query.
        active: a condition: it has been active since it was last heard of.
    """
    b = f"{budget}."
    return f"""({b}active_at - {b}started_at - {b}idle_s
                + CASE WHEN {_COUNTS.format(b=b)} AND {active} THEN {{now}} - {b}active_at
                ELSE 0 END)"""


_USED = seconds_used("b")


def lock(transaction: connection.Transaction, study_id: int) -> Row:
    """Lock the study's budget until the transaction ends, and return its row.

    Returns:
        Limits and use so far (`seconds_used`, `gpu_seconds_used` in seconds), the stop flag, the
        goal, and `now`, in epoch seconds of the database's clock.

    Raises:
        LookupError: the study is gone.
    """
    row = transaction.row(
        f"""
        SELECT trials, used, drawn, sequence, seconds, gpu_seconds, stop,
            target, stop_after, min_improvement,
            coalesce({_USED}, 0.0) AS seconds_used, gpu_seconds_used, {{now}} AS now
        FROM studyhall_budget b WHERE study_id = :study_id {{lock}}""",
        study_id=study_id,
    )
    if row is None:
        raise LookupError("the study has been deleted")
    return row


def reserve(
    transaction: connection.Transaction,
    study_id: int,
    silence_s: float,
    *,
    new: bool = False,
    sampled: bool = False,
) -> int:
    """Count a new trial in the budget and update the study's clock; return the trial's number.

    Args:
        transaction: one that holds the lock on the budget.
        study_id: the study's identifier.
        silence_s: after how many seconds without a sign of life the study's workers are silent.
        new: True for a new trial, False for one that is continued and already counted.
        sampled: True if a sampler draws the new trial's configuration, False if it was queued.
    """
    reserved = transaction.value(
        f"""
        UPDATE studyhall_budget SET used = used + :new, drawn = drawn + :sampled,
            started_at = coalesce(started_at, {{now}}), silence_s = :silence_s, {_TICK}
        WHERE study_id = :study_id AND (:new = 0 OR used < trials)
        RETURNING used - 1""",
        study_id=study_id,
        new=int(new),
        sampled=int(sampled),
        silence_s=silence_s,
    )
    return int(reserved)


def advance(transaction: connection.Transaction, study_id: int, gpu_seconds: float = 0.0) -> int:
    """Return the feed's next sequence number, and add an ended lease's GPU seconds to the budget.

    The number comes from this locked row so that the feed's rows become visible in the order of
    their numbers. With a PostgreSQL sequence a reader could see 8 before 7 and then miss 7, since
    it only asks for rows after the last one it has read.
    """
    moved = transaction.value(
        f"""
        UPDATE studyhall_budget SET sequence = sequence + 1, {_TICK},
            gpu_seconds_used = gpu_seconds_used + :gpu_seconds
        WHERE study_id = :study_id RETURNING sequence""",
        study_id=study_id,
        gpu_seconds=gpu_seconds,
    )
    return int(moved)


def elapse(transaction: connection.Transaction, study_id: int) -> None:
    """Count the time up to now, unless no worker was active for too long.

    Workers do so with each heartbeat: a pause that is longer is the clock's. A claim that is
    refused because the time is up is the last that the study hears of its workers. Without it the
    clock would stand at the last result, just short of the limit.
    """
    transaction.run(
        f"UPDATE studyhall_budget SET {_TICK} WHERE study_id = :study_id", study_id=study_id
    )


def book(transaction: connection.Transaction, study_id: int, gpu_seconds: float) -> None:
    """Add what an ended lease has used to the budget, in GPU seconds (seconds times devices)."""
    transaction.run(
        f"""
        UPDATE studyhall_budget SET gpu_seconds_used = gpu_seconds_used + :gpu_seconds, {_TICK}
        WHERE study_id = :study_id""",
        study_id=study_id,
        gpu_seconds=gpu_seconds,
    )
