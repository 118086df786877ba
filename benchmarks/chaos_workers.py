"""The workers that `chaos.py` kills: when each is to die, and processes of this machine."""

import math
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

LIFE_S = 2.0  # mean time from a worker's first epoch to its death
PEACE_S = 600.0  # for what has been begun, in the end


class Crew(Protocol):
    """So many workers, replaced as they die.

    Attributes:
        kills: how many workers were killed; `node_kills`: how many nodes.
    """

    kills: int
    node_kills: int

    def tend(self) -> None:
        """Start what is missing.

        Raises:
            RuntimeError: something ended by itself, and not well.
        """

    def kill(self, epochs: dict[int, int]) -> None:
        """Kill whoever's time is up.

        Args:
            epochs: the last epoch of each worker that trains, by its process id.
        """

    def join(self) -> None:
        """Wait until all have left."""

    def end(self) -> None:
        """Leave none behind."""


class Lives:
    """The moments at which workers die, each drawn at the worker's first epoch."""

    def __init__(self, mean_s: float = LIFE_S) -> None:
        self._mean_s = mean_s
        self._ends_at: dict[int, float] = {}

    def ended(self, pids: Iterable[int]) -> list[int]:
        """Return those of these processes whose time is up, each once."""
        now = time.monotonic()
        for pid in pids:
            self._ends_at.setdefault(pid, now + random.expovariate(1 / self._mean_s))
        ended = [pid for pid in pids if now >= self._ends_at[pid]]
        self._ends_at |= dict.fromkeys(ended, math.inf)
        return ended


class Local:
    """Worker processes of this machine; a `Crew`."""

    node_kills = 0

    def __init__(self, folder: Path, url: str, count: int) -> None:
        self.kills = 0
        self._folder, self._count = folder, count
        self._environment = {**os.environ, "STUDYHALL_STORAGE": url}
        self._running: list[subprocess.Popen[bytes]] = []
        self._lives = Lives()

    def tend(self) -> None:
        """Start what is missing; see `Crew.tend`."""
        ended = [process for process in self._running if process.poll() is not None]
        for process in ended:
            if process.returncode not in (0, -signal.SIGKILL):
                raise RuntimeError(f"a worker ended with {process.returncode}: {self._folder}/log")
        self._running = [process for process in self._running if process not in ended]
        self._running += [self._start() for _ in range(self._count - len(self._running))]

    def kill(self, epochs: dict[int, int]) -> None:
        """Kill whoever's time is up; see `Crew.kill`."""
        training = {one.pid: one for one in self._running if epochs.get(one.pid)}
        for pid in self._lives.ended(training):
            training[pid].kill()
            training[pid].wait()
            self.kills += 1

    def join(self) -> None:
        """Wait until all have left."""
        for process in self._running:
            process.wait(PEACE_S)

    def end(self) -> None:
        """Leave none behind."""
        for process in self._running:
            process.kill()
            process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-P", "-m", "studyhall", "worker", "chaos"]
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)
