"""What can be done to a study from outside its workers: stop it, end a trial, free the dead's."""

from studyhall.storage.database import Database, Transaction, companions
from studyhall.storage.leases import budget, workers
from studyhall.storage.leases.leases import LeaseLost, Silent, Terms
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials import recovery, results


def set_stop(db: Database, study: Study, stop: bool) -> None:
    """Asks all workers, on all machines, to hand back and leave; or lets them work again."""
    db.transaction(
        lambda transaction: transaction.run(
            f"UPDATE studyhall_budget SET stop = :stop WHERE study_id IN {companions.family()}",
            study_id=study.study_id,
            stop=int(stop),
        )
    )


def stop_trial(db: Database, study: Study, number: int) -> bool:
    """Ends one running trial as pruned: by its worker, or at once if it has none.

    Returns:
        Whether there is such a running trial.
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


def reap(db: Database, study: Study, terms: Terms | None = None) -> list[Silent]:
    """Frees the trials of workers that fell silent, for anybody to take over."""

    def work(transaction: Transaction) -> list[Silent]:
        budget.lock(transaction, study.study_id)
        workers.forget_gone(transaction, study.study_id)
        return recovery.reclaim(transaction, study.study_id, terms or Terms())

    return db.transaction(work)


def free(
    db: Database,
    study: Study,
    worker: str,
    *,
    out_of_memory: bool = False,
    terms: Terms | None = None,
) -> Silent | None:
    """Frees the trial of a worker that the caller has seen die, without waiting for silence.

    Args:
        db: where the study is.
        study: it.
        worker: the dead worker's name.
        out_of_memory: whether it died for want of memory, which is counted.
        terms: how many such deaths a trial may have.

    Returns:
        What it left; None if it held no trial.
    """

    def work(transaction: Transaction) -> Silent | None:
        budget.lock(transaction, study.study_id)
        workers.forget_named(transaction, study.study_id, worker)
        return recovery.free(
            transaction, study.study_id, worker, terms or Terms(), out_of_memory=out_of_memory
        )

    return db.transaction(work)


def fail(db: Database, study: Study, trial_id: int, fence: int, reason: str, stopped: str) -> bool:
    """Ends a running trial without a value though its worker hangs; the sampler avoids its like.

    Args:
        db: where the study is; a connection that the hanging thread does not hold.
        study: it.
        trial_id, fence: of the lease that the hanging worker holds.
        reason: why, for people.
        stopped: likewise in a word or two.

    Returns:
        Whether the trial was still the worker's; its later writes raise `LeaseLost`.
    """

    def work(transaction: Transaction) -> bool:
        if transaction.again and results.has_ended(transaction, trial_id, fence):
            return True
        try:
            recovery.fail(transaction, study.study_id, trial_id, fence, reason, stopped)
        except LeaseLost:
            return False
        return True

    return db.transaction(work)


def _has_ended(transaction: Transaction, study: Study, number: int) -> bool:
    row = transaction.row(
        "SELECT 1 FROM studyhall_done WHERE study_id = :study_id AND number = :number",
        study_id=study.study_id,
        number=number,
    )
    return row is not None
