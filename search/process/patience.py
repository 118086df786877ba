"""A time limit for code, on systems with interval timers."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class TooLong(BaseException):
    """The time limit was reached; no Exception, so that `except Exception` doesn't catch it."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Interrupt a `with` block after a time limit, if this is the main thread.

    Raises:
        TooLong: the block took longer.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not hasattr(signal, "setitimer") or not is_main:
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
