"""What asks a worker to end: a signal, or the death of the launcher that started it."""

from __future__ import annotations

import os
import signal
import threading
import time
from types import FrameType

from studyhall.search.process.recycling import EXIT_CODE
from studyhall.search.process.wire import LAUNCHED, STDIN

STOPPED = 128 + signal.SIGTERM  # exit code once somebody has stopped the study
GLANCE_S = 0.05  # between two looks at whether somebody asks


class StopNow(BaseException):
    """A second signal arrived: leave at once, without waiting for the epoch to end."""


class Stop:
    """Counts requests to stop; the first lets the epoch finish, the second does not.

    Its flags are plain booleans: a lock could be held when a signal interrupts its holder.

    Attributes:
        code: exit code that the first request asks for: 128 + the signal's number, else 0.
    """

    def __init__(self) -> None:
        self._asked = False
        self._told_to_begin = False
        self.code = 0

    @property
    def asked(self) -> bool:
        """Whether somebody asked to stop."""
        return self._asked

    def ask(self, code: int = 0) -> None:
        """Ask to stop after the epoch under way."""
        self.code = self.code or code
        self._asked = True

    def wait(self, seconds: float) -> bool:
        """Sleep for at most ``seconds``; true as soon as a stop is asked for."""
        until = time.monotonic() + seconds
        while not self.asked and (left := until - time.monotonic()) > 0:
            time.sleep(min(GLANCE_S, left))
        return self.asked

    def await_turn(self) -> None:
        """As a stand-by: wait until the launcher says that the turn has come, or to stop."""
        while not self._told_to_begin and not self.asked:
            time.sleep(GLANCE_S)

    def listen(self) -> None:
        """Take SIGINT and SIGTERM as requests; under a launcher, its end too. Main thread only."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        if os.environ.get(LAUNCHED):
            threading.Thread(target=self._hear_launcher, daemon=True, name="launcher").start()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.asked and self.code != EXIT_CODE:
            raise StopNow
        self._asked, self.code = True, 128 + number  # instead of being recycled

    def _hear_launcher(self) -> None:
        # It says nothing but that a stand-by's turn has come. A read ends when it is gone,
        # however it went.
        while self._said():
            self._told_to_begin = True
        self.ask(128 + signal.SIGTERM)

    def _said(self) -> bytes:
        try:
            return os.read(STDIN, 64)
        except OSError:  # it was killed with something of ours unread
            return b""
