"""The trial that a worker holds: its heartbeat, and letting go of it once the lease is lost."""

import contextlib
from collections.abc import Iterator

from studyhall.storage.database import Database
from studyhall.storage.leases.heartbeat import Heartbeat
from studyhall.storage.leases.leases import Lease, LeaseLost, Worker
from studyhall.storage.leases.orders import Order
from studyhall.storage.trials.claimed_trial import Claim


class Hold:
    """A worker's hold on the trial that it runs, renewed by a thread of its own.

    Args:
        db: the database; the heartbeat opens a second connection.
        study_id: the study's identifier.
        worker: the worker.
        heartbeat_s: seconds between two renewals.
    """

    def __init__(self, db: Database, study_id: int, worker: Worker, heartbeat_s: float) -> None:
        self._claim: Claim | None = None
        self._heartbeat = Heartbeat(db, study_id, worker, heartbeat_s, self._on_beat)

    def renew(self, lease: Lease) -> None:
        """Renew a lease from now on, before its claim is ready."""
        self._heartbeat.hold(lease)

    def take(self, claim: Claim) -> None:
        """Pass orders to the claim of the lease from now on."""
        self._claim = claim

    def let_go(self, claim: Claim) -> None:
        """Renew the lease no longer; nothing happens if the worker holds another trial."""
        if self._claim is claim:
            self._claim = None
            self._heartbeat.hold(None)

    @contextlib.contextmanager
    def dropping(self, claim: Claim) -> Iterator[None]:
        """Let go of the claim, and re-raise, if the lease turns out to be lost."""
        try:
            yield
        except LeaseLost:
            claim.lost = True
            self.let_go(claim)
            raise

    def stop(self) -> None:
        """Stop the heartbeat; a trial that is still held is not handed back."""
        self._heartbeat.stop()

    def _on_beat(self, lease: Lease, order: Order | None) -> None:
        """Update the claim after a beat; called by the heartbeat's thread."""
        claim = self._claim
        if claim is None or claim.lease is not lease:  # the main thread has let go of it meanwhile
            return
        if order is None:
            claim.lost = True
        else:
            claim.order = order
