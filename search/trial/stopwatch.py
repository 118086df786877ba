"""What the seconds of a trial are spent on."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager


class Stopwatch:
    """Adds up seconds by what they were spent on: wait, build, store, checkpoint, …"""

    def __init__(self, **seconds: float) -> None:
        self._seconds = seconds

    @contextmanager
    def time(self, what: str) -> Iterator[None]:
        """Count the seconds of a block."""
        began = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - began
            self._seconds[what] = self._seconds.get(what, 0.0) + spent

    def with_others(self, others: Iterable[Mapping[str, float]]) -> dict[str, float]:
        """These seconds, and those that others have counted."""
        total = Counter(self._seconds)
        for seconds in others:
            total.update(seconds)
        return dict(total)
