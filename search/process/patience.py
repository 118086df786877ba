"""What may take long is interrupted, where the system can."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


class TooLong(BaseException):
    """It took longer than anybody waits; no error, as what catches errors is interrupted too."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Interrupt what takes longer, in the main thread.

    Raises:
        TooLong: it did.
    """
    if not hasattr(signal, "setitimer"):
        yield
        return

    def interrupt(*_: object) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
