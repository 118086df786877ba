"""The study's budget row: what may be spent, what has been, and the order of the feed.

Whoever changes it, or the holder of a lease, locks this row first, so that these transactions
follow one another.
"""

from storage import database

Row = database.Row


def lock(transaction: database.Transaction, study_id: int) -> Row:
    """Locks the study's budget, and says how things stand.

    Raises:
        LookupError: the study is gone.
    """
    row = transaction.row(
        """
        SELECT trials, used, drawn, sequence, seconds, gpu_seconds, stop,
            coalesce({now} - started_at - idle_s, 0.0) AS seconds_used, gpu_seconds_used,
            {now} AS now, active_at,
            (SELECT min(queue_id) FROM studyhall_queue WHERE study_id = :study_id) AS queue_id
        FROM studyhall_budget WHERE study_id = :study_id {lock}""",
        study_id=study_id,
    )
    if row is None:
        raise LookupError("the study has been deleted")
    return row


def reserve(
    transaction: database.Transaction,
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
    reserved = transaction.run(
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
    return int(reserved.scalar_one())


def advance(transaction: database.Transaction, study_id: int) -> int:
    """The next sequence number of the feed.

    It comes from this locked row so that the feed's rows become visible in the order of their
    numbers: a PostgreSQL sequence would show a reader 8 before 7, and it would never look for 7
    again.
    """
    moved = transaction.run(
        """
        UPDATE studyhall_budget SET sequence = sequence + 1
        WHERE study_id = :study_id RETURNING sequence""",
        study_id=study_id,
    )
    return int(moved.scalar_one())


def book(
    transaction: database.Transaction,
    study_id: int,
    trial_id: int,
    fence: int,
    *,
    result: bool,
) -> int:
    """Books what a lease that is about to end has used; returns the feed's sequence number.

    Args:
        result: whether the trial ends with it, so that the feed advances.
    """
    booked = transaction.run(
        """
        UPDATE studyhall_budget SET sequence = sequence + :result, active_at = {now},
            gpu_seconds_used = gpu_seconds_used + coalesce(
                (SELECT held * devices * ({now} - claimed_at) FROM studyhall_leases
                WHERE trial_id = :trial_id AND fence = :fence), 0.0)
        WHERE study_id = :study_id RETURNING sequence""",
        study_id=study_id,
        trial_id=trial_id,
        fence=fence,
        result=int(result),
    )
    return int(booked.scalar_one())


def add_gpu_seconds(transaction: database.Transaction, study_id: int, gpu_seconds: float) -> None:
    """Books what leases that fell silent have used until they were last heard of."""
    transaction.run(
        """
        UPDATE studyhall_budget SET gpu_seconds_used = gpu_seconds_used + :gpu_seconds
        WHERE study_id = :study_id""",
        study_id=study_id,
        gpu_seconds=gpu_seconds,
    )
