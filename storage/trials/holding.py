"""The trial that a worker holds at present, with the heartbeat that renews its lease."""

import contextlib
from collections.abc import Iterator

from studyhall.storage.database import Database
from studyhall.storage.leases.heartbeat import Heartbeat
from studyhall.storage.leases.leases import Lease, LeaseLost
from studyhall.storage.leases.orders import Order
from studyhall.storage.leases.workers import Worker
from studyhall.storage.trials.claimed_trial import Claim


class Holding:
    """The claim of a worker, if it has one; each beat brings the claim its latest order.

    Args:
        db: the worker's database.
        study_id: the study that it works on.
        worker: the worker.
        interval_s: seconds between beats.
    """

    def __init__(self, db: Database, study_id: int, worker: Worker, interval_s: float) -> None:
        self._claim: Claim | None = None
        self.heartbeat = Heartbeat(db, study_id, worker, interval_s, self._on_beat)

    def take(self, claim: Claim) -> None:
        """Hold a claim, whose lease the heartbeat renews already."""
        self._claim = claim

    @contextlib.contextmanager
    def dropping(self, claim: Claim) -> Iterator[None]:
        """Drop the claim, and re-raise, if the lease turns out to be lost."""
        try:
            yield
        except LeaseLost:
            claim.lost = True
            self._let_go(claim)
            raise

    @contextlib.contextmanager
    def ending(self, claim: Claim) -> Iterator[None]:
        """Let go of the claim once it has ended, or if its lease turns out to be lost."""
        with self.dropping(claim):
            yield
        self._let_go(claim)

    def _let_go(self, claim: Claim) -> None:
        if self._claim is claim:
            self._claim = None
            self.heartbeat.hold(None)

    def _on_beat(self, lease: Lease, order: Order | None) -> None:
        """Update the claim after a beat; called by the heartbeat's thread."""
        claim = self._claim
        if claim is None or claim.lease is not lease:  # the main thread has let go of it meanwhile
            return
        if order is None:
            claim.lost = True
        else:
            claim.order = order
