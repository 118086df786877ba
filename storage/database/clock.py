"""A process's check of its database's clock, by its own clock, which nobody can set.

The clock of a machine is set by people and by time servers, back and forth, and a machine that
slept finds that hours have passed. Whoever then compares two moments of the database's clock takes
live workers for dead. So a process trusts differences only of the time for which it has seen that
clock run as its own does.
"""

import time
from collections.abc import Callable


class ClockWatch:
    """The time for which a process has seen its database's clock run steadily.

    It is shared by all connections of a process. Two threads that use it at once may at worst
    find a shorter time.

    Args:
        mine: the process's own clock, in seconds.
    """

    def __init__(self, mine: Callable[[], float] = time.monotonic) -> None:
        self._mine = mine
        self._ahead_s = 0.0  # the database's clock, before ours
        self._since: float | None = None  # of our clock

    def steady_s(self, now: float, tolerance_s: float) -> float:
        """Return for how many seconds, up to now, the database's clock has run as ours.

        Args:
            now: the database's time, just read.
            tolerance_s: a difference between the clocks that doesn't count.
        """
        mine = self._mine()
        if self._since is None or abs(now - mine - self._ahead_s) > tolerance_s:
            self._since = mine
        self._ahead_s = now - mine
        return mine - self._since

    def restart(self) -> None:
        """Begin anew, as after an outage, during which no worker could send a heartbeat."""
        self._since = None
