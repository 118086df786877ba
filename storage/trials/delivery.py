"""The delivery of a worker's outbox to the database, in one transaction."""

from studyhall.storage.database import Database, Transaction
from studyhall.storage.leases import leases
from studyhall.storage.leases.leases import LeaseLost
from studyhall.storage.sampling import feed
from studyhall.storage.trials import epochs, optuna_rows
from studyhall.storage.trials.claimed_trial import Claim
from studyhall.storage.trials.epochs import Reply


def deliver(
    db: Database, study_id: int, claim: Claim, seen: feed.Seen | None, patience_s: float
) -> Reply | None:
    """Write what waits in the outbox: hyperparameters, reports, the pointer to a checkpoint.

    Args:
        db: the database.
        study_id: the study's identifier.
        claim: the trial.
        seen: how far the worker has read the feed; None to read no news.
        patience_s: how many seconds to keep trying.

    Returns:
        The reply to the reports; None if there was no report.

    Raises:
        LeaseLost: another worker holds the trial; nothing was written.
        StorageAway: the database stayed unreachable; everything still waits in the outbox.
    """
    outbox, params = claim.outbox, len(claim.frozen.params)
    old_params = params == outbox.params
    if old_params and not outbox.waiting and outbox.pointer is None:
        return None
    through: list[int] = []

    def work(transaction: Transaction) -> Reply | None:
        through.append(transaction.connection_number)
        answer = _write(transaction, study_id, claim, seen, with_params=not old_params)
        _point(transaction, claim)
        return answer

    # A single statement needs no BEGIN and COMMIT, which saves two round trips.
    single = old_params and outbox.pointer is None and epochs.is_single(db.kind, outbox.waiting)
    run = db.statement if single else db.transaction
    answer = run(work, patience_s=patience_s)
    claim.checkpoint = outbox.delivered(params, through[-1], claim.checkpoint)
    return answer


def repeat(transaction: Transaction, study_id: int, claim: Claim) -> None:
    """Write again what a crashed server may have lost; called first when a trial ends.

    Raises:
        LeaseLost: another worker holds the trial.
    """
    if not claim.outbox.is_complete(transaction.connection_number):
        _write(transaction, study_id, claim, None, with_params=True)


def _write(
    transaction: Transaction,
    study_id: int,
    claim: Claim,
    seen: feed.Seen | None,
    *,
    with_params: bool,
) -> Reply | None:
    """Write hyperparameters and reports; all of them again if the server may have lost some."""
    complete = claim.outbox.is_complete(transaction.connection_number)
    if claim.frozen.params and (with_params or not complete):
        optuna_rows.params(transaction, claim.lease, claim.frozen)
    reports = claim.outbox.waiting if complete else claim.outbox.everything()
    return epochs.write(transaction, study_id, claim.lease, reports, seen) if reports else None


def _point(transaction: Transaction, claim: Claim) -> None:
    """Set the pointer to the last checkpoint, if a new one waits in the outbox."""
    pointer = claim.outbox.pointer
    if pointer is not None and not leases.point(
        transaction, claim.lease, pointer.name, pointer.progress
    ):
        raise LeaseLost
