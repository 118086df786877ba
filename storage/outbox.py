"""Reports that wait for the database to come back, so that training need not."""

import time
from dataclasses import dataclass, field

from storage.database import StorageAway
from storage.epochs import Report

OUTAGE_S = 600.0  # how long reports wait before the worker is told to give up
_RETRY_S = 2.0  # between attempts to deliver them
_NONE = -1  # nothing has been delivered yet


@dataclass
class Outbox:
    """The reports of one trial: those that wait, oldest first, and those that were delivered.

    A PostgreSQL that crashes may forget what it has accepted within the last second. Its clients
    notice by their connections, and then deliver everything again.
    """

    waiting: list[Report] = field(default_factory=list)
    params: int = 0  # how many hyperparameters were delivered
    _delivered: list[Report] = field(default_factory=list)
    _connection: int = _NONE
    _since: float = 0.0  # time.monotonic()
    _retry_at: float = 0.0

    def add(self, report: Report) -> None:
        """Puts in one more."""
        if not self.waiting:
            self._since = time.monotonic()
        self.waiting.append(report)

    @property
    def is_due(self) -> bool:
        """Whether it is time to try to deliver."""
        return bool(self.waiting) and time.monotonic() >= self._retry_at

    def is_complete(self, connection: int) -> bool:
        """Whether the database, reached through this connection, has all but what waits."""
        return self._connection in (_NONE, connection)

    def everything(self) -> list[Report]:
        """All reports, those that were delivered first."""
        return [*self._delivered, *self.waiting]

    def delivered(self, count: int, params: int, connection: int) -> None:
        """Notes that so many of the waiting reports have arrived, and so many hyperparameters."""
        self._delivered += self.waiting[:count]
        del self.waiting[:count]
        self.params, self._connection, self._retry_at = params, connection, 0.0

    def keep(self, error: StorageAway) -> None:
        """Keeps all of it for later.

        Raises:
            StorageAway: this one, once the oldest report has waited for `OUTAGE_S`.
        """
        if time.monotonic() - self._since > OUTAGE_S:
            raise error
        self._retry_at = time.monotonic() + _RETRY_S
