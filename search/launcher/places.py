"""The places of a launch: the number of workers, and the device, environment and log of each."""

from __future__ import annotations

import math
import signal
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice, zip_longest
from pathlib import Path
from typing import Any

from studyhall.search.process import gpus, identity, threads
from studyhall.search.process.device import Device
from studyhall.search.process.wire import STANDBY, WorkerProcess
from studyhall.search.study import record
from studyhall.search.study_file import config
from studyhall.search.study_file.sections import StudyFile
from studyhall.search.trial.streak import Streak
from studyhall.storage.artifacts import atomic_files
from studyhall.storage.studies.rows import Study

DIGITS = 20  # numbers of as many digits or more are not parsed

Given = dict[str, Any]  # keys of [workers] that the command line gives


def given(
    workers: str | None, gpus: str | None, per_gpu: int | None, on: str | None = None
) -> Given:
    """Return the command line's worker options as keys of ``[workers]``."""
    count: Any = workers if workers is None else _number(workers)
    if count is None and per_gpu is not None:  # --workers-per-gpu overrides the file's count
        count = "auto"
    chosen = gpus if gpus is None or gpus in ("all", "none") else _listed(gpus)
    keys = {"count": count, "gpus": chosen, "per_gpu": per_gpu, "on": on}
    return {key: value for key, value in keys.items() if value is not None}


def devices(file: StudyFile, given: Given, name: str) -> list[Device]:
    """Return a device for each worker; GPUs are assigned in turns.

    Args:
        file: the study file.
        given: keys of ``[workers]`` from the command line, which override the file's.
        name: the file's name, for messages.

    Raises:
        ConfigError: there is no such GPU, or too many workers would share it.
    """
    wanted = config.overridden(file, {"workers": given}).workers
    where = "command line" if "gpus" in given else name
    found: list[str | None] = [*gpus.choose(wanted.gpus, f"{where}: [workers] gpus")]
    count = len(found) * wanted.per_gpu or 1 if wanted.count == "auto" else wanted.count
    chosen = [*islice(cycle(found or [None]), count)]
    shared = Counter(chosen)
    made = [Device(gpu, shared[gpu]) for gpu in chosen]
    for device in made:
        device.environment()  # raises if it can't be shared, before the study is created
    return made


def places(
    study: Study, devices: list[Device], url: str, early: Iterable[WorkerProcess] = ()
) -> list[Place]:
    """Return a place per worker, with its device, its share of the CPU threads and its log.

    Args:
        early: workers that have already been started for these places.
    """
    logs = logs_of(study)
    return [
        Place(name, environment, logs / f"{name}.log", standby=process)
        for (name, environment), process in zip_longest(environments(devices, url).items(), early)
    ]


def logs_of(study: Study) -> Path:
    """Return the folder of a study's logs on this machine; create it."""
    logs = record.objects(study).root / "logs"
    atomic_files.make_within(logs.parent, logs)
    return logs


def environments(devices: list[Device], url: str) -> dict[str, dict[str, str]]:
    """Return the environment variables of each place's processes, by the place's name."""
    shared = {"STUDYHALL_STORAGE": url, **threads.environment(len(devices))}
    names = [f"worker-{index}" for index in range(1, len(devices) + 1)]
    return {
        name: {**shared, **device.environment(), identity.PLACE: name}
        for name, device in zip(names, devices, strict=True)
    }


def _listed(numbers: str) -> list[int | str]:
    words = [word.strip() for word in numbers.split(",") if word.strip()]
    return [_number(word) for word in words]


def _number(word: str) -> int | str:
    """Return an integer if the word is one and short; int() refuses thousands of digits."""
    return int(word) if word.isdecimal() and len(word) < DIGITS else word


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
        waiting: what the process waits for before it can go on; empty if it need not wait.
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
    waiting: str = ""
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
        self.waiting = ""
        self.workers.add(identity.name(self.name, self.process.pid))

    def listen(self, now: float) -> None:
        """Read the worker's messages: its model, what it waits for, when it needs a successor."""
        said = self.process.heard() if self.process is not None else {}
        if "successor_in_s" in said:
            self.standby_at = now + said["successor_in_s"]
        self.model = said.get("model", self.model)
        self.waiting = str(said.get("waiting", self.waiting))

    def prepare(self, command: Sequence[str], now: float) -> None:
        """Start the stand-by if it is due; at most one per process, even if it dies."""
        if now >= self.standby_at and self.standby is None:
            environment = {**self.environment, STANDBY: "1"}
            self.standby = WorkerProcess(command, environment, self.log)
            self.standby_at = math.inf

    def close(self, code: int) -> None:
        """Record the final exit code and end the stand-by."""
        self.code, self.waiting = code, ""
        if self.standby is not None:
            self.standby.hang_up()
            self.standby.send_signal(signal.SIGTERM)

    def reap(self) -> None:
        """Forget a stand-by that has ended."""
        if self.standby is not None and self.standby.poll() is not None:
            self.standby.hang_up()
            self.standby = None
