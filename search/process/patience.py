"""A time limit for code, on systems with interval timers."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


class TooLong(BaseException):
    """The time limit was reached; no Exception, so that `except Exception` doesn't catch it."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Interrupt a `with` block in the main thread after a time limit.

    Raises:
        TooLong: the block took longer.
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
