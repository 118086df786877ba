"""The retraining that a process has in hand: renewed by a thread, so that nobody else takes it."""

from __future__ import annotations

import contextlib
import threading
import time
from types import TracebackType

from studyhall.storage.database import Database
from studyhall.storage.database.urls import StorageError
from studyhall.storage.leases.leases import LeaseLost
from studyhall.storage.studies import retrainings
from studyhall.storage.studies.retrainings import Retraining
from studyhall.storage.studies.rows import Study


class Hands:
    """Holds one retraining; a context, in which a thread tells that its process lives.

    Args:
        devices: how many devices it occupies, by which its seconds count.
        heartbeat_s: seconds between two signs of life.

    Attributes:
        lost: whether another process has taken it over.
        number, owner, checkpoint: as in `search.trial.checkpoints.Held`.
    """

    def __init__(
        self, db: Database, study: Study, one: Retraining, devices: float, heartbeat_s: float
    ) -> None:
        self._db, self._study, self._one = db.another(), study, one
        self._devices, self._heartbeat_s = devices, heartbeat_s
        self._booked_at = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True, name="hands")
        self.lost = False
        self.number, self.checkpoint = one.trial, one.checkpoint
        self.owner = f"{study.name}-{one.purpose}-{one.repeat}-{one.percent}-{one.trial}"

    def __enter__(self) -> Hands:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        if kind is not None:  # what it has taken counts, though nothing has come of it
            with contextlib.suppress(StorageError):
                retrainings.heard(self._db, self._study, self._one, self._unbooked_s())
        self._db.close()

    def point(self, name: str, epoch: int, part: int) -> bool:
        """Point to a new checkpoint; false while the database is away: the older one stands.

        Raises:
            LeaseLost: another process has it now.
        """
        try:
            self.lost = not retrainings.point(self._db, self._study, self._one, name)
        except StorageError:
            return False
        if self.lost:
            raise LeaseLost
        self.checkpoint = name
        return True

    def finish(self, result: dict[str, object]) -> bool:
        """Keep the result; false if another process has it now."""
        self._over.set()
        self._thread.join()
        seconds = self._unbooked_s()
        return retrainings.finish(self._db, self._study, self._one, result, seconds)

    def _beat(self) -> None:
        while not self._over.wait(self._heartbeat_s):
            with contextlib.suppress(StorageError):  # away: the next beat tries again
                seconds = self._unbooked_s()
                if not retrainings.heard(self._db, self._study, self._one, seconds):
                    self.lost = True
                    return

    def _unbooked_s(self) -> float:
        now = time.monotonic()
        spent_s, self._booked_at = (now - self._booked_at) * self._devices, now
        return spent_s
