"""What asks a worker to end: a signal, or the death of the launcher that started it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
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
        waited_s: seconds spent waiting for the launcher's word.
    """

    def __init__(self) -> None:
        self._asked = False
        self._told: deque[str] = deque()  # by the launcher, line by line
        self.code = 0
        self.waited_s = 0.0

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

    def await_turn(self) -> str:
        """Wait until the launcher says that it goes on, or to stop; its next line, or nothing."""
        began = time.monotonic()
        while not self._told and not self.asked:
            time.sleep(GLANCE_S)
        self.waited_s += time.monotonic() - began
        return self._told.popleft() if self._told else ""

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
        # A read ends when it is gone, however it went.
        unread = b""
        while said := self._said():
            *lines, unread = (unread + said).split(b"\n")
            self._told.extend(os.fsdecode(line) for line in lines)
        self.ask(128 + signal.SIGTERM)

    def _said(self) -> bytes:
        try:
            return os.read(STDIN, 4096)
        except OSError:  # it was killed with something of ours unread
            return b""
