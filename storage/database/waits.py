"""The waits of a process for a database that takes no transactions: it says what it waits for."""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator

SAID_AFTER_S = 2.0
LAST_S = 5.0  # for which a transaction is still tried once the process was asked to stop
_GLANCE_S = 0.05  # between two looks for a stop request

CHANCE = random.Random()  # not the global generator, from which Keras draws seeds of weights

_log = logging.getLogger(__name__)


def _write(line: str) -> None:
    _log.warning("%s", line or "the database takes transactions again")


class Waits:
    """The waits of a process for its database, on all its connections.

    Args:
        stopped: tells whether the process was asked to stop.
        tell: is given a line on what is waited for, and an empty one when that is over; called in
            any thread. By default the lines are logged as warnings.
        lasting: wait for space on a full disk however long it takes, until asked to stop.
    """

    def __init__(
        self,
        stopped: Callable[[], bool] = lambda: False,
        tell: Callable[[str], None] = _write,
        *,
        lasting: bool = False,
    ) -> None:
        self.lasting = lasting
        self._stopped, self._tell = stopped, tell
        self._stopped_at: float | None = None
        self._since: float | None = None  # the beginning of the first transaction that has failed
        self._said = False
        self._lock = threading.Lock()

    def deadline(self, began: float, patience_s: float) -> float:
        """Return until when, by `time.monotonic`, a transaction is tried.

        Args:
            began: when it was tried for the first time.
            patience_s: for how long it is tried unless the process is asked to stop.
        """
        if self._stopped_at is None and self._stopped():
            self._stopped_at = time.monotonic()
        if self._stopped_at is None:
            return began + patience_s
        return min(began + patience_s, max(began, self._stopped_at) + LAST_S)

    def pause(self, seconds: float) -> None:
        """Sleep for so many seconds; less if the process is asked to stop meanwhile."""
        until, already = time.monotonic() + seconds, self._stopped()
        while (left := until - time.monotonic()) > 0 and (already or not self._stopped()):
            time.sleep(min(_GLANCE_S, left))

    def failed(self, began: float, what: str) -> None:
        """Note that a transaction has failed; say for what it waits if that has lasted.

        Args:
            began: when the transaction was tried for the first time.
            what: "waiting for …".
        """
        with self._lock:
            self._since = began if self._since is None else self._since
            due = not self._said and time.monotonic() - self._since >= SAID_AFTER_S
            self._said = self._said or due
        if due:
            self._tell(what)

    def succeeded(self) -> None:
        """Note that a transaction has succeeded that may have written."""
        if self._since is None:
            return
        with self._lock:
            over, self._since, self._said = self._said, None, False
        if over:
            self._tell("")


def pauses() -> Iterator[float]:
    """Yield pauses between tries: doubling from 20 ms to 5 s, times a random 0.5 to 1.5.

    The random factor keeps workers from trying again all at the same moment.
    """
    pause_s = 0.02
    while True:
        yield pause_s * CHANCE.uniform(0.5, 1.5)
        pause_s = min(2 * pause_s, 5.0)
