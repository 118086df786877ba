"""A worker's place in a launch: its current process and the next one."""

from __future__ import annotations

import math
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from studyhall.search.process import identity
from studyhall.search.process.wire import STANDBY, WorkerProcess
from studyhall.search.trial.streak import Streak


@dataclass
class Place:
    """The place of a worker: its current process and the history of its processes.

    Times are in seconds of `time.monotonic`.

    Attributes:
        name: the prefix of its workers' names.
        environment: environment variables of its processes.
        log: the file for their output.
        process: the working process, if any.
        standby: the next process, which has loaded everything and waits for its turn; at first the
            early worker, if any.
        standby_at: when to start the stand-by; infinite while unknown.
        started_at: when the process began to work.
        crashes: crashes in a row.
        next_start_at: when the next process may start after a crash.
        model: what the process has reported of the model that it trains.
        workers: names of all its processes so far.
        streak: its trials that failed in a row.
        code: the exit code of the last process if no other follows, else None.
    """

    name: str
    environment: Mapping[str, str]
    log: Path
    process: WorkerProcess | None = None
    standby: WorkerProcess | None = None
    standby_at: float = math.inf
    started_at: float = 0.0
    crashes: int = 0
    next_start_at: float = 0.0
    model: dict[str, Any] = field(default_factory=dict)
    workers: set[str] = field(default_factory=set)
    streak: Streak = field(default_factory=Streak)
    code: int | None = None

    @property
    def processes(self) -> Iterator[WorkerProcess]:
        """The running processes."""
        for process in (self.process, self.standby):
            if process is not None and process.poll() is None:
                yield process

    def fill(self, command: Sequence[str], now: float) -> None:
        """Let the stand-by begin; start a new process if there is none."""
        self.reap()
        if self.standby is not None:
            self.process, self.standby = self.standby, None
            self.process.let_begin(self.log)
        else:
            self.process = WorkerProcess(command, self.environment, self.log)
        self.started_at, self.standby_at, self.model = now, math.inf, {}
        self.workers.add(identity.name(self.name, self.process.pid))

    def listen(self, now: float) -> None:
        """Read the worker's messages: the model that it trains, and when it needs a successor."""
        said = self.process.heard() if self.process is not None else {}
        if "successor_in_s" in said:
            self.standby_at = now + said["successor_in_s"]
        self.model = said.get("model", self.model)

    def prepare(self, command: Sequence[str], now: float) -> None:
        """Start the stand-by if it is due; at most one per process, even if it dies."""
        if now >= self.standby_at and self.standby is None:
            environment = {**self.environment, STANDBY: "1"}
            self.standby = WorkerProcess(command, environment, self.log)
            self.standby_at = math.inf

    def close(self, code: int) -> None:
        """Record the final exit code and end the stand-by."""
        self.code = code
        if self.standby is not None:
            self.standby.hang_up()
            self.standby.send_signal(signal.SIGTERM)

    def reap(self) -> None:
        """Forget a stand-by that has ended."""
        if self.standby is not None and self.standby.poll() is not None:
            self.standby.hang_up()
            self.standby = None
