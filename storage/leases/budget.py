"""The study's budget row: what may be spent, what has been, and the order of the feed.

Claims, results and returns lock it one after the other. A result or a return has locked its own
lease before; a claim locks leases of silent workers afterwards: should one of them awake at that
very moment, PostgreSQL ends the deadlock and the transaction is tried again.
"""

from studyhall.storage.database import connection

Row = connection.Row


def lock(transaction: connection.Transaction, study_id: int) -> Row:
    """Locks the study's budget, and says how things stand.

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
    """Takes a place for a new trial, and keeps the clock; returns the trial's number.

    Args:
        idle_s: seconds up to now during which nobody has worked on the study.
        new: False if a trial that has its place goes on.
        sampled: whether the new trial's configuration is drawn, not queued.
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
    """The next sequence number of the feed; books what an ended lease has used.

    It comes from this locked row so that the feed's rows become visible in the order of their
    numbers: a PostgreSQL sequence would show a reader 8 before 7, and it would never look for 7
    again.
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


def book(transaction: connection.Transaction, study_id: int, gpu_seconds: float) -> None:
    """Books what an ended lease has used: seconds times devices."""
    transaction.run(
        """
        UPDATE studyhall_budget SET gpu_seconds_used = gpu_seconds_used + :gpu_seconds,
            active_at = {now}
        WHERE study_id = :study_id""",
        study_id=study_id,
        gpu_seconds=gpu_seconds,
    )
