"""Reports that wait for the database to come back, so that training need not."""

import time
from dataclasses import dataclass, field

from storage.database import StorageAway
from storage.epochs import Report

OUTAGE_S = 600.0  # how long reports wait before the worker is told to give up
_RETRY_S = 2.0  # between attempts to deliver them


@dataclass
class Outbox:
    """The reports of one trial that the database does not hold yet, oldest first."""

    reports: list[Report] = field(default_factory=list)
    _since: float = 0.0  # time.monotonic()
    _retry_at: float = 0.0

    def add(self, report: Report) -> None:
        """Puts in one more."""
        if not self.reports:
            self._since = time.monotonic()
        self.reports.append(report)

    @property
    def is_due(self) -> bool:
        """Whether it is time to try to deliver."""
        return bool(self.reports) and time.monotonic() >= self._retry_at

    def delivered(self, count: int) -> None:
        """Takes out what has arrived."""
        del self.reports[:count]
        self._retry_at = 0.0

    def keep(self, error: StorageAway) -> None:
        """Keeps all of it for later.

        Raises:
            StorageAway: this one, once the oldest report has waited for `OUTAGE_S`.
        """
        if time.monotonic() - self._since > OUTAGE_S:
            raise error
        self._retry_at = time.monotonic() + _RETRY_S
