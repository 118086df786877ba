"""What can be done to a study from outside its workers: stop it, stop a trial, reap the silent."""

from storage import budget, reclaiming, results, sightings
from storage.database import Database, Transaction
from storage.leases import Silent, Terms
from storage.study import Study


def set_stop(db: Database, study: Study, stop: bool) -> None:
    """Asks all workers, on all machines, to hand back and leave; or lets them work again."""
    db.transaction(
        lambda transaction: transaction.run(
            "UPDATE studyhall_budget SET stop = :stop WHERE study_id = :study_id",
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
            result = reclaiming.left_behind(
                transaction, row.trial_id, results.PRUNED, {"stopped": "by hand"}
            )
            results.finish(transaction, study.study_id, row.trial_id, row.fence, result)
        return row is not None

    return db.transaction(work)


def reap(db: Database, study: Study, terms: Terms | None = None) -> list[Silent]:
    """Frees the trials of workers that fell silent, for anybody to take over."""

    def work(transaction: Transaction) -> list[Silent]:
        budget.lock(transaction, study.study_id)
        sightings.forget_gone(transaction, study.study_id)
        return reclaiming.reclaim(transaction, study.study_id, terms or Terms())

    return db.transaction(work)
