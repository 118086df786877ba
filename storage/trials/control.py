"""The control of a study from outside its workers: stop it, end a trial, free abandoned ones."""

from studyhall.storage.database import Database, Transaction, companions
from studyhall.storage.database.connection import PATIENCE_S
from studyhall.storage.leases import budget, leases, takeover, workers
from studyhall.storage.leases.leases import LeaseLost
from studyhall.storage.leases.silence import Silent, Terms
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials import ending, recovery


def set_stop(db: Database, study: Study, stop: bool) -> None:
    """Ask all workers, on all machines, to hand back their trials and exit; or allow work again."""
    db.transaction(
        lambda transaction: transaction.run(
            f"UPDATE studyhall_budget SET stop = :stop WHERE study_id IN {companions.family()}",
            study_id=study.study_id,
            stop=int(stop),
        )
    )


def stop_trial(db: Database, study: Study, number: int) -> bool:
    """End one running trial as pruned: its worker does, or this function if it has none.

    Returns:
        False if no trial of this number is running.

    Raises:
        LookupError: the study is gone.
    """

    def work(transaction: Transaction) -> bool:
        budget.lock(transaction, study.study_id)
        row = transaction.row(
            """
            UPDATE studyhall_leases SET stop = 1 WHERE study_id = :study_id AND number = :number
            RETURNING trial_id, fence, held""",
            study_id=study.study_id,
            number=number,
        )
        if row is not None and not row.held:
            recovery.prune(transaction, study.study_id, row.trial_id, row.fence)
        return row is not None or (transaction.again and _has_ended(transaction, study, number))

    return db.transaction(work)


def reap(db: Database, study: Study, terms: Terms | None = None) -> list[Silent] | None:
    """Free the trials of workers that fell silent, for others to take over.

    Returns:
        The leases that were freed; None if some worker seems silent, and this process hasn't
        watched the database for long enough to tell: call it again within `Terms.grace_s` seconds.

    Raises:
        LookupError: the study is gone.
    """
    chosen = terms or Terms()

    def work(transaction: Transaction) -> list[Silent] | None:
        now = budget.lock(transaction, study.study_id).now
        workers.forget_gone(transaction, study.study_id)  # who is alive comes back with a beat
        if not chosen.can_tell(db.clock, now):
            found = leases.survey(transaction, study.study_id, chosen.silence_s)
            return None if found.silent or found.short_mib else []
        return recovery.reclaim(transaction, study.study_id, chosen)

    return db.transaction(work)


def free(
    db: Database,
    study: Study,
    worker: str,
    *,
    out_of_memory: bool = False,
    terms: Terms | None = None,
    patience_s: float = PATIENCE_S,
) -> Silent | None:
    """Free the trial of a worker that is known to be dead, without waiting for its silence.

    Args:
        db: the database of the study.
        study: the study.
        worker: the dead worker's name.
        out_of_memory: whether it ran out of memory; the trial counts such deaths.
        terms: holds the limit of takeovers, after which the trial fails.
        patience_s: how many seconds to keep trying to reach the database.

    Returns:
        The freed lease; None if the worker held no trial.
    """

    def work(transaction: Transaction) -> Silent | None:
        budget.lock(transaction, study.study_id)
        workers.forget_named(transaction, study.study_id, worker)
        return recovery.free(
            transaction, study.study_id, worker, terms or Terms(), out_of_memory=out_of_memory
        )

    return db.transaction(work, patience_s=patience_s)


def has_larger(
    db: Database,
    study: Study,
    than_mib: int,
    silence_s: float,
    *,
    patience_s: float = PATIENCE_S,
) -> bool:
    """Tell whether a worker is alive with more memory than was not enough for a trial.

    Args:
        db: the database of the study.
        study: the study.
        than_mib: what was not enough, in MiB; 0 if unknown, then nobody has more.
        silence_s: seconds without a heartbeat after which a worker counts as gone.
        patience_s: how many seconds to keep trying to reach the database.
    """
    largest = db.snapshot(
        lambda t: takeover.largest_mib(t, study.study_id, silence_s), patience_s=patience_s
    )
    return takeover.is_larger(largest, than_mib)


def fail(
    db: Database,
    study: Study,
    trial_id: int,
    fence: int,
    reason: str,
    stopped: str,
    *,
    token: str | None = None,
    patience_s: float = PATIENCE_S,
) -> bool:
    """End a running trial as failed because its worker hangs.

    The worker's later writes raise `LeaseLost`. The sampler avoids similar configurations.

    Args:
        db: the database of the study, with a connection that the hanging thread does not use.
        study: the study.
        trial_id, fence: of the lease that the hanging worker holds.
        reason: the reason, as a sentence for the user.
        stopped: the reason in a word or two, for tables.
        token: of that lease, if its holder calls; None if somebody else does.
        patience_s: how many seconds to keep trying to reach the database.

    Returns:
        False if the worker no longer held the trial.
    """

    def work(transaction: Transaction) -> bool:
        if transaction.again and ending.has_ended(transaction, trial_id, fence):
            return True
        try:
            recovery.fail(transaction, study.study_id, trial_id, fence, reason, stopped, token)
        except LeaseLost:
            return False
        return True

    return db.transaction(work, patience_s=patience_s)


def _has_ended(transaction: Transaction, study: Study, number: int) -> bool:
    row = transaction.row(
        "SELECT 1 FROM studyhall_done WHERE study_id = :study_id AND number = :number",
        study_id=study.study_id,
        number=number,
    )
    return row is not None
