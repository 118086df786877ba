"""Wrong logins: who has tried too often has to wait, longer each time."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

FREE = 4  # wrong tries in a row that cost nothing
LONGEST_S = 300.0
FORGOTTEN_S = 3600.0
MOST = 10_000  # of whom wrong tries are remembered


class Tries:
    """Wrong tries in a row, by whoever made them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait_s(self, who: str) -> float:
        """For how long nothing that these send is looked at: 1, 2, 4 … 300 s after a wrong try."""
        with self._lock:
            count, last = self._wrong.get(who, (0, 0.0))
        since_s = self._clock() - last
        if count <= FREE or since_s > FORGOTTEN_S:
            return 0.0
        return max(0.0, min(2.0 ** (count - FREE - 1), LONGEST_S) - since_s)

    def wrong(self, who: str) -> None:
        """Note a wrong try."""
        now = self._clock()
        with self._lock:
            count, last = self._wrong.pop(who, (0, now))
            self._wrong[who] = (count + 1 if now - last <= FORGOTTEN_S else 1, now)
            if len(self._wrong) > MOST:
                self._wrong.popitem(last=False)

    def right(self, who: str) -> None:
        """Forget the wrong tries of somebody who got it right."""
        with self._lock:
            self._wrong.pop(who, None)
