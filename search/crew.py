"""The worker processes of one launch: started, watched, restarted, stopped together."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from search import recycling
from search.stop import LAUNCHED

HEALTHY_S = 60.0  # a worker that lived so long starts its next back-off at one second
LONGEST_WAIT_S = 60.0
MOST_CRASHES = 7  # in a row, until its place is given up: after 1, 2, 4 … 60 s
FINAL = (0, 1, 2, 130, 143)  # exit codes after which a new process would do no better


@dataclass
class Place:
    """One worker's place: the process in it now, and how it fared.

    Attributes:
        code: exit code of the last process once no other follows it, else None.
    """

    name: str
    environment: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    crashes: int = 0
    next_start_at: float = 0.0
    code: int | None = None


class Crew:
    """Keeps one process per place running until each has ended for good."""

    def __init__(self, command: Sequence[str], places: Sequence[Place]) -> None:
        self.command = command
        self.places = places
        self._stopping = False

    @property
    def ended(self) -> bool:
        """Whether every place's last process is gone."""
        return all(place.code is not None for place in self.places)

    def tend(self, now: float | None = None) -> list[str]:
        """Start what is due and notice what ended; what happened, as lines for the user."""
        now = time.monotonic() if now is None else now
        said = [self._tend(place, now) for place in self.places if place.code is None]
        return [line for line in said if line]

    def signal(self, number: int) -> None:
        """Pass a signal on to every running worker; nothing is started any more."""
        self._stopping = True
        for place in self.places:
            if place.process is not None and place.process.poll() is None:
                place.process.send_signal(number)
            elif place.code is None:
                place.code = 128 + number

    def kill(self) -> None:
        """Take every worker down at once, with all its children."""
        self._stopping = True
        for place in self.places:
            if place.process is not None and place.process.poll() is None:
                os.killpg(place.process.pid, signal.SIGKILL)

    def _tend(self, place: Place, now: float) -> str:
        if place.process is None:
            return self._start(place, now) if now >= place.next_start_at else ""
        code = place.process.poll()
        return "" if code is None else self._ended(place, code, now)

    def _start(self, place: Place, now: float) -> str:
        with place.log.open("ab") as log:
            # A session of its own: a terminal's Ctrl-C reaches the launcher alone. The pipe
            # tells the worker when the launcher is gone.
            place.process = subprocess.Popen(
                self.command,
                env={**os.environ, **place.environment, LAUNCHED: "1"},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        place.started_at = now
        return ""

    def _ended(self, place: Place, code: int, now: float) -> str:
        if place.process is not None and place.process.stdin is not None:
            place.process.stdin.close()
        if self._stopping or code in FINAL:
            place.code = 0 if code == recycling.EXIT_CODE else code
            return ""
        if code == recycling.EXIT_CODE:
            return self._start(place, now)
        place.crashes = 1 if now - place.started_at > HEALTHY_S else place.crashes + 1
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        if place.crashes > MOST_CRASHES:
            place.code = code
            return f"{place.name} ended by {how}, {place.crashes} times in a row: given up"
        wait_s = min(LONGEST_WAIT_S, 2.0 ** (place.crashes - 1))
        place.process, place.next_start_at = None, now + wait_s
        return f"{place.name} ended by {how}; it starts again in {wait_s:.0f} s"
