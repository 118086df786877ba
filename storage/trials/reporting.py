"""The reports of a worker, delivered at once or kept while the database is away."""

from dataclasses import replace

from studyhall.storage.database import Database
from studyhall.storage.database.connection import PATIENCE_S
from studyhall.storage.database.urls import StorageAway
from studyhall.storage.sampling import feed
from studyhall.storage.trials import delivery
from studyhall.storage.trials.claimed_trial import Claim
from studyhall.storage.trials.epochs import EpochReport
from studyhall.storage.trials.hold import Hold
from studyhall.storage.trials.knowledge import Knowledge

REPORT_PATIENCE_S = 1.0  # how long a report may delay training


class Reporter:
    """Delivers what waits in a claim's outbox, and passes the news in the replies on.

    Args:
        db: the database.
        study_id: the study's identifier.
        knowledge: learns the news of other workers.
        hold: lets go of a claim whose lease is lost.
    """

    def __init__(self, db: Database, study_id: int, knowledge: Knowledge, hold: Hold) -> None:
        self._db, self._study_id = db, study_id
        self._knowledge, self._hold = knowledge, hold

    def deliver(self, claim: Claim, patience_s: float = PATIENCE_S) -> None:
        """Write what waits in the outbox, and take in the reply.

        Raises:
            LeaseLost: another worker holds the trial.
            StorageAway: the database stayed unreachable for `patience_s` seconds.
        """
        with self._hold.dropping(claim):
            answer = delivery.deliver(
                self._db, self._study_id, claim, self._wants_to_hear(claim), patience_s
            )
        if answer is not None:
            claim.order = answer.order
            if answer.news is not None:
                self._knowledge.learn(answer.news)

    def try_to_deliver(self, claim: Claim) -> None:
        """Write what waits in the outbox; keep it if the database is unreachable."""
        if claim.outbox.is_due:
            try:
                self.deliver(claim, REPORT_PATIENCE_S)
            except StorageAway as error:
                claim.outbox.keep(error)

    def report(self, claim: Claim, report: EpochReport) -> None:
        """Deliver a report, and once more for each further rung that it enters.

        A report may enter the next rung only if its value is good enough for the one before, which
        is known once that one has been delivered and read back from the feed.
        """
        claim.outbox.add(report)
        self.try_to_deliver(claim)
        while report.rung is not None and not claim.outbox.waiting:
            rung = self._knowledge.rung(claim, report.step, report.value)
            if rung == report.rung:  # not read back: another worker has changed it meanwhile
                return
            report = replace(report, rung=rung)
            if rung is not None:
                claim.outbox.add(report)
                self.try_to_deliver(claim)

    def _wants_to_hear(self, claim: Claim) -> feed.Seen | None:
        """Return how far the feed has been read; None if the next reply needs no news.

        It needs some if the last is old, or if a report enters a rung, which the pruner must judge.
        """
        decides = any(report.rung is not None for report in claim.outbox.waiting)
        return self._knowledge.seen if decides or not self._knowledge.is_fresh else None
