"""The recycling of worker processes: a fresh one takes over, which ends any memory leak."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, NoReturn

import psutil

from studyhall.search.process.wire import LAUNCHED, tell_launcher

if TYPE_CHECKING:
    from studyhall.search.study_file.sections import WorkersSection

EXIT_CODE = 75  # asks the launcher for a replacement (EX_TEMPFAIL of sysexits.h)
MIB = 2**20
AT_START = dict(os.environ)  # before a worker started by hand pins itself to a device
STARTED_AT = time.monotonic()  # about the start of the process: workers import this module first


class Age:
    """The age of a worker process in trials and memory, compared with the study file's limits.

    Args:
        limits: the section ``[workers]`` of the study file.
        ready_s: how long this process took to be ready for its first trial, in seconds.
        study_left: the number of trials that the study can still begin.

    Attributes:
        trials: the number of trials that it has run.
    """

    def __init__(self, limits: WorkersSection, ready_s: float, study_left: float) -> None:
        self.trials = 0
        self._limits = limits
        self._study_left = study_left
        self._lead_s = 2 * ready_s  # twice, as a successor starts while others train on the CPU
        self._began = time.monotonic()
        self._settled_bytes = 0
        self._announced = False

    @property
    def reached(self) -> bool:
        """True if a limit is reached and the process should be replaced."""
        most, mib = self._limits.recycle_trials, self._limits.recycle_mib
        return (most != "none" and self.trials >= most) or (
            mib is not None and resident_bytes() >= mib * MIB
        )

    def count(self) -> None:
        """Count a finished or released trial."""
        self.trials += 1
        if self.trials == 1:  # by now the libraries have loaded what every trial needs
            self._settled_bytes = resident_bytes()

    def announce(self) -> None:
        """Tell the launcher, once, when it should start the successor."""
        if not self._announced and (seconds := self.successor_in_s) is not None:
            self._announced = True
            tell_launcher(successor_in_s=seconds)

    @property
    def successor_in_s(self) -> float | None:
        """Seconds until a successor should start, to be ready in time; None if not yet."""
        left = self._trials_left()
        if left >= self._study_left - self.trials:
            return None
        if self.trials == 0:
            return 0.0 if left <= 1 else None
        each_s = (time.monotonic() - self._began) / self.trials
        end_s = left * each_s / 2  # the next ones may be pruned early
        if left > 1 and end_s > self._lead_s + each_s:
            return None
        return max(0.0, end_s - self._lead_s)

    def _trials_left(self) -> float:
        """Estimate how many more trials this process will run."""
        most, mib = self._limits.recycle_trials, self._limits.recycle_mib
        by_number = float("inf") if most == "none" else most - self.trials
        if mib is None or self.trials < 2:
            return by_number
        now = resident_bytes()
        growth = (now - self._settled_bytes) / (self.trials - 1)
        return min(by_number, (mib * MIB - now) / max(growth, 1.0))


def resident_bytes() -> int:
    """Return the resident memory of this process, in bytes."""
    return int(psutil.Process().memory_info().rss)


def leave_at_once() -> NoReturn:
    """End this process without waiting for its threads; a fresh one of the same command follows."""
    if LAUNCHED in os.environ:
        os._exit(EXIT_CODE)
    begin_anew()


def begin_anew() -> NoReturn:
    """Replace this process, which has no launcher to restart it, by a fresh one of its command."""
    for descriptor in os.listdir("/dev/fd"):  # files that libraries left open would stay open
        if int(descriptor) > 2:
            _close_at_exec(int(descriptor))
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], AT_START)


def _close_at_exec(descriptor: int) -> None:
    try:
        os.set_inheritable(descriptor, False)
    except OSError:  # the descriptor of the listing itself, already closed
        return
