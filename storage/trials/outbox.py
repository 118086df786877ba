"""What waits for the database to come back, so that training need not."""

import time
from dataclasses import dataclass, field

from studyhall.storage.database.urls import StorageAway
from studyhall.storage.trials.epochs import EpochReport

OUTAGE_S = 600.0  # how long it waits before the worker is told to give up
_RETRY_S = 2.0  # between attempts to deliver it
_NONE = -1  # nothing has been delivered yet


@dataclass(frozen=True)
class Pointer:
    """Where a checkpoint lies, and how many epochs of the history it holds."""

    name: str
    progress: int


@dataclass
class Outbox:
    """What a worker has to say of its trial: what waits, oldest first, and what was delivered.

    A PostgreSQL that crashes may forget the reports that it has accepted within the last second.
    Its clients notice by their connections, and then deliver all of them again.
    """

    waiting: list[EpochReport] = field(default_factory=list)
    params: int = 0  # how many hyperparameters were delivered
    pointer: Pointer | None = None  # to a checkpoint, which waits
    _delivered: list[EpochReport] = field(default_factory=list)
    _replaced: list[str] = field(default_factory=list)  # checkpoints
    _connection: int = _NONE
    _since: float | None = None  # time.monotonic()
    _retry_at: float = 0.0

    def add(self, report: EpochReport) -> None:
        """Puts in one more report."""
        self.waiting.append(report)
        self._since = self._since or time.monotonic()

    def point(self, pointer: Pointer) -> None:
        """Puts in a pointer to a checkpoint, instead of one that may wait there."""
        if self.pointer is not None:
            self._replaced.append(self.pointer.name)
        self.pointer = pointer
        self._since = self._since or time.monotonic()

    @property
    def is_due(self) -> bool:
        """Whether it is time to try to deliver."""
        return self._since is not None and time.monotonic() >= self._retry_at

    def is_complete(self, connection: int) -> bool:
        """Whether the database, reached through this connection, has all but what waits."""
        return self._connection in (_NONE, connection)

    def everything(self) -> list[EpochReport]:
        """All reports, those that were delivered first."""
        return [*self._delivered, *self.waiting]

    def delivered(self, params: int, connection: int, checkpoint: str | None) -> str | None:
        """Notes that everything has arrived.

        Args:
            params: how many hyperparameters there are.
            connection: through which it went.
            checkpoint: to which the database has pointed before.

        Returns:
            The checkpoint to which it points now.
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
        """A checkpoint that nothing points to any more, as long as none waits to be pointed to."""
        return self._replaced.pop(0) if self._replaced and self.pointer is None else None

    def keep(self, error: StorageAway) -> None:
        """Keeps all of it for later.

        Raises:
            StorageAway: this one, once the oldest has waited for `OUTAGE_S`.
        """
        now = time.monotonic()
        if self._since is not None and now - self._since > OUTAGE_S:
            raise error
        self._retry_at = now + _RETRY_S
