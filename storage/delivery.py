"""Carrying what a worker has to say of its trial to the database, in one transaction."""

from storage import epochs, feed, writing
from storage.claim import Claim
from storage.database import Database, Transaction
from storage.epochs import Answer, Report


def deliver(
    db: Database, study_id: int, claim: Claim, seen: feed.Seen, patience_s: float
) -> Answer | None:
    """Writes what waits: hyperparameters and reports. Returns what the worker hears, if any waited.

    Raises:
        LeaseLost: somebody else holds the trial; nothing was written.
        StorageAway: the database stayed away; everything still waits.
    """
    outbox, params = claim.outbox, len(claim.frozen._params)
    waiting = len(outbox.waiting)
    if not waiting and params == outbox.params:
        return None
    through: list[int] = []

    def work(transaction: Transaction) -> Answer | None:
        through.append(transaction.connection_number)
        if not outbox.is_complete(transaction.connection_number):
            return _write(transaction, study_id, claim, outbox.everything(), seen)
        if params > outbox.params:
            return _write(transaction, study_id, claim, outbox.waiting, seen)
        return epochs.write(transaction, study_id, claim.lease, outbox.waiting, seen)

    single = params == outbox.params and epochs.is_single(db.kind, outbox.waiting)
    run = db.statement if single else db.transaction
    answer = run(work, patience_s=patience_s)
    outbox.delivered(waiting, params, through[-1])
    return answer


def repeat(transaction: Transaction, study_id: int, claim: Claim) -> None:
    """Before a transaction that ends or moves a trial: delivers again what may have been forgotten.

    Raises:
        LeaseLost: somebody else holds the trial.
    """
    if not claim.outbox.is_complete(transaction.connection_number):
        _write(transaction, study_id, claim, claim.outbox.everything(), feed.Seen())


def _write(
    transaction: Transaction, study_id: int, claim: Claim, reports: list[Report], seen: feed.Seen
) -> Answer | None:
    if claim.frozen._params:
        writing.params(transaction, claim.lease, claim.frozen)
    return epochs.write(transaction, study_id, claim.lease, reports, seen) if reports else None
