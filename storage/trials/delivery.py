"""The delivery of a worker's outbox to the database; what cannot be written waits in the outbox."""

from collections.abc import Callable
from dataclasses import replace

from studyhall.storage.database import Database, Transaction
from studyhall.storage.database.connection import PATIENCE_S
from studyhall.storage.database.urls import StorageAway
from studyhall.storage.leases import leases
from studyhall.storage.leases.leases import LeaseLost
from studyhall.storage.sampling import feed
from studyhall.storage.trials import epochs, optuna_rows
from studyhall.storage.trials.claimed_trial import Claim
from studyhall.storage.trials.epochs import EpochReport, Reply
from studyhall.storage.trials.holding import Holding
from studyhall.storage.trials.knowledge import Knowledge

REPORT_PATIENCE_S = 1.0  # how long a report may delay training


class Delivery:
    """The delivery of one worker's reports; the replies bring orders and news of other trials.

    Args:
        db: the worker's database.
        study_id: the study's identifier.
        knowledge: the results of other trials, which learns the news.
        holding: the trial that the worker holds, which it drops when the lease is lost.
    """

    def __init__(self, db: Database, study_id: int, knowledge: Knowledge, holding: Holding) -> None:
        self._db = db
        self._study_id = study_id
        self._knowledge = knowledge
        self._holding = holding

    def deliver(self, claim: Claim, patience_s: float = PATIENCE_S) -> None:
        """Write what waits in the outbox, and take in the reply.

        Args:
            claim: the trial.
            patience_s: how many seconds to keep trying.

        Raises:
            LeaseLost: another worker holds the trial; nothing was written.
            StorageAway: the database stayed unreachable; everything still waits in the outbox.
        """
        with self._holding.dropping(claim):
            answer = self._send(claim, self._wants_to_hear(claim), patience_s)
        if answer is not None:
            claim.order = answer.order
            if answer.news is not None:
                self._knowledge.learn(answer.news)

    def attempt(self, claim: Claim) -> None:
        """Write what waits in the outbox; keep it if the database is unreachable.

        Raises:
            LeaseLost: another worker holds the trial; nothing was written.
            StorageAway: the database has been unreachable for too long.
        """
        if claim.outbox.is_due:
            try:
                self.deliver(claim, REPORT_PATIENCE_S)
            except StorageAway as error:
                claim.outbox.keep(error)

    def report(self, claim: Claim, report: EpochReport) -> None:
        """Deliver a report, and once more for each further rung that it enters.

        A report may enter the next rung only if its value is good enough for the one before, which
        is known once that one has been delivered and read back from the feed.

        Raises:
            LeaseLost: another worker holds the trial; nothing was written.
            StorageAway: the database has been unreachable for too long.
        """
        claim.outbox.add(report)
        self.attempt(claim)
        while report.rung is not None and not claim.outbox.waiting:
            rung = self._knowledge.rung(claim, report.step, report.value)
            if rung == report.rung:  # not read back: another worker has changed it meanwhile
                return
            report = replace(report, rung=rung)
            if rung is not None:
                claim.outbox.add(report)
                self.attempt(claim)

    def end(
        self,
        claim: Claim,
        write: Callable[[Transaction], None],
        *,
        written: Callable[[Transaction], bool],
    ) -> None:
        """Write what waits in the outbox, then end the claim in a transaction.

        Args:
            claim: the trial.
            write: writes the end.
            written: tells whether an earlier try of the same transaction has written it.

        Raises:
            LeaseLost: another worker holds the trial; nothing was written.
            StorageAway: the database stayed unreachable.
        """

        def work(transaction: Transaction) -> None:
            if transaction.again and written(transaction):
                return
            if not claim.outbox.is_complete(transaction.connection_number):
                _write(transaction, self._study_id, claim, None, with_params=True)
            write(transaction)

        self.deliver(claim)
        with self._holding.ending(claim):
            self._db.transaction(work)

    def _wants_to_hear(self, claim: Claim) -> feed.Seen | None:
        """Return how far the feed has been read; None if the next reply needs no news.

        It needs some if the last is old, or if a report enters a rung, which the pruner must judge.
        """
        decides = any(report.rung is not None for report in claim.outbox.waiting)
        return self._knowledge.seen if decides or not self._knowledge.is_fresh else None

    def _send(self, claim: Claim, seen: feed.Seen | None, patience_s: float) -> Reply | None:
        """Write hyperparameters, reports and the pointer to a checkpoint, if any waits.

        Returns:
            The reply to the reports; None if there was no report.
        """
        outbox, params = claim.outbox, len(claim.frozen.params)
        old_params = params == outbox.params
        if old_params and not outbox.waiting and outbox.pointer is None:
            return None
        through: list[int] = []

        def work(transaction: Transaction) -> Reply | None:
            through.append(transaction.connection_number)
            answer = _write(transaction, self._study_id, claim, seen, with_params=not old_params)
            _point(transaction, claim)
            return answer

        # A single statement needs no BEGIN and COMMIT, which saves two round trips.
        single = (
            old_params
            and outbox.pointer is None
            and epochs.is_single(self._db.kind, outbox.waiting)
        )
        run = self._db.statement if single else self._db.transaction
        answer = run(work, patience_s=patience_s)
        claim.checkpoint = outbox.delivered(params, through[-1], claim.checkpoint)
        return answer


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
