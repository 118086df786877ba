"""The outbox of a trial: reports wait here while the database is unreachable; training goes on."""

import time
from dataclasses import dataclass, field

from studyhall.storage.database.urls import StorageAway, StorageFull
from studyhall.storage.trials.epochs import EpochReport

OUTAGE_S = 600.0  # how long the oldest report may wait before the worker gives up
_RETRY_S = 2.0  # pause between attempts to deliver
_NONE = -1  # nothing has been delivered yet


@dataclass(frozen=True)
class Pointer:
    """The pointer to a checkpoint: its name, and how many epochs of the history it holds."""

    name: str
    progress: int


@dataclass
class Outbox:
    """The reports and the checkpoint pointer of one trial, waiting or delivered.

    Reports are committed without waiting for the disk: a PostgreSQL server that crashes may lose
    those of the last second. A crash also breaks the connection, so after a new connection all
    reports are delivered again.
    """

    waiting: list[EpochReport] = field(default_factory=list)  # oldest first
    params: int = 0  # how many hyperparameters were delivered
    pointer: Pointer | None = None  # the one that waits, if any
    _delivered: list[EpochReport] = field(default_factory=list)
    _replaced: list[str] = field(default_factory=list)  # checkpoints that nothing points to
    _connection: int = _NONE  # number of the connection of the last delivery
    _since: float | None = None  # time.monotonic() since which something waits
    _retry_at: float = 0.0  # time.monotonic()

    def add(self, report: EpochReport) -> None:
        """Add a report."""
        self.waiting.append(report)
        self._since = self._since or time.monotonic()

    def point(self, pointer: Pointer) -> None:
        """Add a pointer to a checkpoint; it replaces one that still waits."""
        if self.pointer is not None:
            self._replaced.append(self.pointer.name)
        self.pointer = pointer
        self._since = self._since or time.monotonic()

    @property
    def is_due(self) -> bool:
        """True if something waits and a delivery may be tried now."""
        return self._since is not None and time.monotonic() >= self._retry_at

    def is_complete(self, connection: int) -> bool:
        """Tell whether the database has everything except what waits.

        Args:
            connection: number of the present connection. If it is not that of the last delivery,
                the server may have crashed and lost reports.
        """
        return self._connection in (_NONE, connection)

    def everything(self) -> list[EpochReport]:
        """Return all reports: those delivered before, then those that wait."""
        return [*self._delivered, *self.waiting]

    def delivered(self, params: int, connection: int, checkpoint: str | None) -> str | None:
        """Mark everything as delivered.

        Args:
            params: how many hyperparameters there are.
            connection: number of the connection that was used.
            checkpoint: the checkpoint that the database pointed to before.

        Returns:
            The checkpoint that it points to now.
        """
        self._delivered += self.waiting
        self.waiting, self.params, self._connection = [], params, connection
        self._since, self._retry_at = None, 0.0
        if self.pointer is None:
            return checkpoint
        if checkpoint not in (None, self.pointer.name):
            self._replaced.append(str(checkpoint))
        now, self.pointer = self.pointer.name, None
        return now

    def replaced(self) -> str | None:
        """Return a checkpoint that nothing points to any more, once; None if a pointer waits."""
        return self._replaced.pop(0) if self._replaced and self.pointer is None else None

    def keep(self, error: StorageAway) -> None:
        """Keep everything for a later attempt.

        Args:
            error: the error of the failed attempt.

        Raises:
            StorageAway: that error, once the oldest entry has waited for `OUTAGE_S` seconds,
                unless it waits for space on a full disk.
        """
        now = time.monotonic()
        too_long = self._since is not None and now - self._since > OUTAGE_S
        if too_long and not isinstance(error, StorageFull):
            raise error
        self._retry_at = now + _RETRY_S
