"""Stop requests to a worker: signals, or the end of its launcher."""

from __future__ import annotations

import math
import os
import signal
import threading
import time
from collections import deque
from types import FrameType

from studyhall.search.process.recycling import EXIT_CODE
from studyhall.search.process.wire import LAUNCHED, STDIN

STOPPED = 128 + signal.SIGTERM  # exit code after somebody stopped the study
GLANCE_S = 0.05  # between two checks for a request
ECHO_S = 2.0  # within which a second SIGTERM, to a worker without a launcher, is the first again


class StopNow(BaseException):
    """A second signal arrived: end at once, without waiting for the end of the epoch."""


class Stop:
    """The stop requests so far: the first lets the epoch finish, the second does not.

    The flags are plain booleans without a lock: a signal handler that runs while its own thread
    holds the lock would wait forever.

    Attributes:
        code: the exit code that the first request asks for: 128 + the signal's number, else 0.
        waited_s: seconds spent waiting for the launcher.
    """

    def __init__(self) -> None:
        self._asked = False
        self._terminated_at = -math.inf
        self._told: deque[str] = deque()  # by the launcher, line by line
        self.code = 0
        self.waited_s = 0.0

    @property
    def asked(self) -> bool:
        """True once a stop is requested."""
        return self._asked

    def ask(self, code: int = 0) -> None:
        """Request a stop after the current epoch."""
        self.code = self.code or code
        self._asked = True

    def wait(self, seconds: float) -> bool:
        """Sleep for at most ``seconds``; return True as soon as a stop is requested."""
        until = time.monotonic() + seconds
        while not self.asked and (left := until - time.monotonic()) > 0:
            time.sleep(min(GLANCE_S, left))
        return self.asked

    def await_turn(self) -> str:
        """Wait for the launcher's next line and return it; empty after a stop request."""
        began = time.monotonic()
        while not self._told and not self.asked:
            time.sleep(GLANCE_S)
        self.waited_s += time.monotonic() - began
        return self._told.popleft() if self._told else ""

    def listen(self) -> None:
        """Treat SIGINT, SIGTERM and the end of the launcher, if any, as stop requests.

        Call it in the main thread: signal handlers can only be set there.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        # Ray blocks SIGINT in its processes, and a blocked signal stays blocked in their children.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
        if os.environ.get(LAUNCHED):
            threading.Thread(target=self._hear_launcher, daemon=True, name="launcher").start()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGTERM and self._is_echo():
            return
        if self.asked and self.code != EXIT_CODE:
            raise StopNow
        self._asked, self.code = True, 128 + number  # instead of being recycled

    def _is_echo(self) -> bool:
        """Tell whether this SIGTERM repeats one from a moment ago.

        A scheduler sends it to every process of a job, and the job's script passes it on.
        """
        before, self._terminated_at = self._terminated_at, time.monotonic()
        return LAUNCHED not in os.environ and self._terminated_at - before < ECHO_S

    def _hear_launcher(self) -> None:
        # The read returns nothing once the launcher has ended, even if it was killed.
        unread = b""
        while said := self._said():
            *lines, unread = (unread + said).split(b"\n")
            self._told.extend(os.fsdecode(line) for line in lines)
        self.ask(128 + signal.SIGTERM)

    def _said(self) -> bytes:
        try:
            return os.read(STDIN, 4096)
        except OSError:  # the launcher was killed before it read all of our messages
            return b""
