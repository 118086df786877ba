"""A thread that keeps a worker's lease alive while the main thread is inside a long epoch."""

import contextlib
import logging
import threading
from collections.abc import Callable

from studyhall.storage.database import Database, Transaction
from studyhall.storage.leases import leases, workers
from studyhall.storage.leases.leases import Lease, Worker
from studyhall.storage.leases.orders import Order

_log = logging.getLogger(__name__)


class Heartbeat:
    """Renews the lease in hand, and the worker's own row, every `interval_s`, whatever happens.

    It has a connection of its own. A database error only makes it try again sooner.

    Args:
        db: the worker's database.
        study_id: the study it works on.
        worker: who it is.
        interval_s: seconds between beats.
        heard: called, in this thread, with the lease and its order, None if it is lost.
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
        """Beats for this lease from now on, or for none."""
        self._lease = lease

    def stop(self) -> None:
        """Ends the thread; the worker's row goes."""
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
            return leases.beat(transaction, lease.trial_id, lease.fence) if lease else None

        try:
            order = self._db.transaction(work, patience_s=0.0)
        except Exception as error:  # whatever it is, a live trial must not be declared dead
            _log.debug("heartbeat: %s", error)
            return False
        if lease is not None and lease is self._lease:
            self._heard(lease, order)
        return True

    def _say_goodbye(self) -> None:
        with contextlib.suppress(Exception):  # it will be seen as silent
            self._db.transaction(
                lambda t: workers.forget(t, self._study_id, self._worker), patience_s=0.0
            )
        self._db.close()
