"""What asks a worker to end: a signal, or the death of the launcher that started it."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType

STDIN = 0  # read without Python's buffer, whose lock would outlive the main thread
STOPPED = 128 + signal.SIGTERM  # exit code once somebody has stopped the study
LAUNCHED = "STUDYHALL_LAUNCHED"  # set by a launcher: the worker's stdin is a pipe that it holds


class StopNow(BaseException):
    """A second signal arrived: leave at once, without waiting for the epoch to end."""


class Stop:
    """Counts requests to stop; the first lets the epoch finish, the second does not.

    Attributes:
        code: exit code that the first request asks for: 128 + the signal's number, else 0.
    """

    def __init__(self) -> None:
        self._asked = threading.Event()
        self.code = 0

    @property
    def asked(self) -> bool:
        """Whether somebody asked to stop."""
        return self._asked.is_set()

    def ask(self, code: int = 0) -> None:
        """Ask to stop after the epoch under way."""
        self.code = self.code or code
        self._asked.set()

    def wait(self, seconds: float) -> bool:
        """Sleep for at most ``seconds``; true as soon as a stop is asked for."""
        return self._asked.wait(seconds)

    def listen(self) -> None:
        """Take SIGINT and SIGTERM as requests; under a launcher, its end too. Main thread only."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        if os.environ.get(LAUNCHED):
            threading.Thread(target=self._outlive_nobody, daemon=True, name="launcher").start()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise StopNow
        self.ask(128 + number)

    def _outlive_nobody(self) -> None:
        # The launcher holds the other end and never writes: a read ends when it is gone,
        # however it went.
        os.read(STDIN, 1)
        self.ask(128 + signal.SIGTERM)
