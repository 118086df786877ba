"""The crew of a launch: all its worker processes, started, watched, restarted and stopped."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from studyhall.search.launcher.memory_kills import MemoryKills
from studyhall.search.launcher.places import Place
from studyhall.search.process import identity, recycling
from studyhall.storage.artifacts import atomic_files
from studyhall.storage.queries.records import TrialRecord

HEALTHY_S = 60.0  # a crash after this lifetime restarts the back-off at one second
LONGEST_WAIT_S = 60.0  # of the back-off
MOST_CRASHES = 7  # restarts in a row, after 1, 2, 4 … 60 s, before a place is given up
FINAL = (0, 1, 2, 130, 143)  # exit codes after which a restart would not help
LEFT_WELL = (0, 130, 143, recycling.EXIT_CODE)  # exit codes of a worker that holds no trial
BAD_ALLOC = b"std::bad_alloc"  # printed last by C++ code that ran out of memory


@dataclass(frozen=True)
class Dead:
    """A worker process that ended without releasing its trial.

    Attributes:
        worker: the worker's name.
        how: the name of the signal, or "exit code" with its number.
        out_of_memory: True if it died because it ran out of memory.
        model: what it reported of the model that it was training.
    """

    worker: str
    how: str
    out_of_memory: bool
    model: dict[str, Any]


class Crew:
    """The worker processes of a launch, one per place, each replaced until its place is closed.

    Args:
        command: the command line of a worker.
        places: the places to run workers in.
        bury: called for each process that died; returns True if it held a trial.
        kills: the kernel's out-of-memory kills.
    """

    def __init__(
        self,
        command: Sequence[str],
        places: Sequence[Place],
        bury: Callable[[Dead], bool] = lambda dead: False,
        kills: MemoryKills | None = None,
    ) -> None:
        self.command = command
        self.places = places
        self._bury = bury
        self._kills = kills or MemoryKills()
        self._stopping = False
        self._waits = False  # and it was said

    @property
    def ended(self) -> bool:
        """True once the last process of every place has ended."""
        return all(place.code is not None and place.standby is None for place in self.places)

    def tend(self, now: float | None = None) -> list[str]:
        """Start due processes and handle ended ones; return lines for the user on what happened."""
        now = time.monotonic() if now is None else now
        self._kills.look(now)
        for place in self.places:
            place.reap()
        lines = [line for place in self.places for line in self._tend(place, now)]
        return [*lines, *self._told_of_waits()]

    def hear(self, trial: TrialRecord) -> None:
        """Record how a trial ended; a worker that finishes trials is not in a crash loop."""
        failed = trial.state == "FAIL"
        for place in self.places:
            if not failed:
                place.streak.went_on(well=True)
            if trial.worker in place.workers:
                place.crashes = 0
                if failed:
                    place.streak.failed(trial.number, str(trial.attributes.get("reason")))

    def signal(self, number: int) -> None:
        """Pass a signal on to every running worker, and start no more processes."""
        self._stopping = True
        for place in self.places:
            for process in place.processes:
                process.send_signal(number)
            if place.process is None and place.code is None:
                place.close(128 + number)

    def kill(self) -> None:
        """Kill every worker at once, with all its children."""
        self._stopping = True
        for place in self.places:
            for process in place.processes:
                # Each worker leads a process group of its own, which includes its children.
                os.killpg(process.pid, signal.SIGKILL)

    def _told_of_waits(self) -> list[str]:
        """Return a line when workers begin to wait for their database, and one at the end."""
        waiting = [place.waiting for place in self.places if place.waiting]
        before, self._waits = self._waits, bool(waiting)
        if self._waits == before or self._stopping:
            return []
        return waiting[:1] or ["the workers wait no longer"]

    def _tend(self, place: Place, now: float) -> list[str]:
        if place.code is not None:
            return []
        if place.process is None:
            return self._fill(place, now) if now >= place.next_start_at else []
        code = place.process.poll()
        place.listen(now)
        if code is not None:
            return self._ended(place, code, now)
        if not self._stopping:
            place.prepare(self.command, now)
        return []

    def _fill(self, place: Place, now: float) -> list[str]:
        """Start the next process, unless all recent trials of its place have failed."""
        problems = place.streak.problems
        if problems:
            place.close(2)
        else:
            place.fill(self.command, now)
        return problems

    def _ended(self, place: Place, code: int, now: float) -> list[str]:
        assert place.process is not None
        place.process.hang_up()
        dead = self._dead(place, place.process.pid, code, now)
        had_trial = code not in LEFT_WELL and self._bury(dead)
        if self._stopping or code in FINAL:
            place.close(0 if code == recycling.EXIT_CODE else code)
            return []
        place.process = None
        if code == recycling.EXIT_CODE:
            return self._fill(place, now)
        if dead.out_of_memory and had_trial:
            return [f"{place.name} ran out of memory ({dead.how})", *self._fill(place, now)]
        return self._crashed(place, code, dead.how, now)

    def _dead(self, place: Place, pid: int, code: int, now: float) -> Dead:
        killed = code == -signal.SIGKILL and self._kills.explain(now)
        aborted = code == -signal.SIGABRT and BAD_ALLOC in _end(place)
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return Dead(identity.name(place.name, pid), how, killed or aborted, place.model)

    def _crashed(self, place: Place, code: int, how: str, now: float) -> list[str]:
        place.crashes = 1 if now - place.started_at > HEALTHY_S else place.crashes + 1
        if place.crashes > MOST_CRASHES:
            place.close(code)
            return [f"{place.name} crashed {place.crashes} times in a row ({how}): given up"]
        wait_s = min(LONGEST_WAIT_S, 2.0 ** (place.crashes - 1))
        place.next_start_at = now + wait_s
        return [f"{place.name} crashed ({how}); it restarts in {wait_s:.0f} s"]


def _end(place: Place) -> bytes:
    """Return the last 4096 bytes of a place's log."""
    with atomic_files.opened(place.log) as log:
        log.seek(max(0, log.seek(0, os.SEEK_END) - 4096))
        return log.read()
