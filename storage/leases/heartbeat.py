"""The thread that renews a worker's lease while its main thread is inside a long epoch."""

import contextlib
import logging
import threading
from collections.abc import Callable

from studyhall.storage.database import Database, Transaction
from studyhall.storage.leases import budget, leases, workers
from studyhall.storage.leases.leases import Lease
from studyhall.storage.leases.orders import Order
from studyhall.storage.leases.workers import Worker

_PATIENCE_S = 1.0
_log = logging.getLogger(__name__)


class Heartbeat:
    """A thread that renews the held lease and the worker's row every `interval_s` seconds.

    It has a connection of its own. After an error it tries again in a third of the interval.

    Args:
        db: the worker's database.
        study_id: the study that it works on.
        worker: the worker.
        interval_s: seconds between beats.
        heard: called in this thread after each beat with the lease and the worker's order; the
            order is None if the lease is lost.
    """

    def __init__(
        self,
        db: Database,
        study_id: int,
        worker: Worker,
        interval_s: float,
        heard: Callable[[Lease, Order | None], None],
    ) -> None:
        self._db = db.another()
        self._study_id = study_id
        self._worker = worker
        self._interval_s = interval_s
        self._heard = heard
        self._lease: Lease | None = None
        self._leave = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._thread.start()

    def hold(self, lease: Lease | None) -> None:
        """Renew this lease from now on; with None, only the worker's row."""
        self._lease = lease

    def stop(self) -> None:
        """End the thread, which deletes the worker's row."""
        self._leave.set()
        self._thread.join(timeout=self._interval_s)

    def _run(self) -> None:
        pause_s = 0.0
        while not self._leave.wait(pause_s):
            pause_s = self._interval_s if self._beat() else self._interval_s / 3
        self._say_goodbye()

    def _beat(self) -> bool:
        lease = self._lease

        def work(transaction: Transaction) -> Order | None:
            workers.note(transaction, self._study_id, self._worker)
            order = leases.beat(transaction, lease) if lease else None
            if order is not None:
                budget.elapse(transaction, self._study_id)
            return order

        try:
            order = self._db.transaction(work, patience_s=_PATIENCE_S)
        except Exception as error:  # any error: if this thread ended, the trial would be lost
            _log.debug("the heartbeat failed; it is tried again: %s", error)
            return False
        # The main thread may have let go of the lease meanwhile.
        if lease is not None and lease is self._lease:
            self._heard(lease, order)
        return True

    def _say_goodbye(self) -> None:
        with contextlib.suppress(Exception):  # otherwise the row is deleted after a day of silence
            self._db.transaction(
                lambda t: workers.forget(t, self._study_id, self._worker), patience_s=0.0
            )
        self._db.close()
