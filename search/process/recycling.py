"""When a worker process makes way for a fresh one, so that whatever leaks memory ends with it."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, NoReturn

import psutil

from studyhall.search.process.wire import LAUNCHED, tell_launcher

if TYPE_CHECKING:
    from studyhall.search.study_file.sections import WorkersSection

EXIT_CODE = 75  # to the launcher: start another in my place (EX_TEMPFAIL of sysexits.h)
MIB = 2**20
AT_START = dict(os.environ)  # before a worker by hand pins itself to a device
STARTED_AT = time.monotonic()  # this process, near enough: a worker imports this first


class Age:
    """A worker's trials and memory, held against the study file's limits.

    Args:
        limits: the study file's.
        ready_s: what it has taken this process to be ready for its first trial, in seconds.
        study_left: trials that the study can still begin; more won't come, or not soon.

    Attributes:
        trials: how many it has run.
    """

    def __init__(self, limits: WorkersSection, ready_s: float, study_left: float) -> None:
        self.trials = 0
        self._limits = limits
        self._study_left = study_left
        self._lead_s = 2 * ready_s  # a successor shares the processor with whoever trains
        self._began = time.monotonic()
        self._settled_bytes = 0
        self._announced = False

    @property
    def reached(self) -> bool:
        """Whether it is time to go."""
        most, mib = self._limits.recycle_trials, self._limits.recycle_mib
        return (most != "none" and self.trials >= most) or (
            mib is not None and resident_bytes() >= mib * MIB
        )

    def count(self) -> None:
        """A trial has left this worker's hands."""
        self.trials += 1
        if self.trials == 1:  # libraries have loaded and compiled what every trial needs
            self._settled_bytes = resident_bytes()

    def announce(self) -> None:
        """Tell the launcher, once, when it should start the successor."""
        if not self._announced and (seconds := self.successor_in_s) is not None:
            self._announced = True
            tell_launcher(successor_in_s=seconds)

    @property
    def successor_in_s(self) -> float | None:
        """Seconds until a successor should be started, to be ready in time; None if far off."""
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
        """How many more there will be, as far as can be foreseen."""
        most, mib = self._limits.recycle_trials, self._limits.recycle_mib
        by_number = float("inf") if most == "none" else most - self.trials
        if mib is None or self.trials < 2:
            return by_number
        now = resident_bytes()
        growth = (now - self._settled_bytes) / (self.trials - 1)
        return min(by_number, (mib * MIB - now) / max(growth, 1.0))


def resident_bytes() -> int:
    """Memory that this process holds now."""
    return int(psutil.Process().memory_info().rss)


def leave_at_once() -> NoReturn:
    """End this process, whatever its threads do; a fresh one of the same command follows."""
    if LAUNCHED in os.environ:
        os._exit(EXIT_CODE)
    begin_anew()


def begin_anew() -> NoReturn:
    """Replace this process, which nobody would restart, by a fresh one of the same command."""
    for descriptor in os.listdir("/dev/fd"):  # what libraries left open would stay so
        if int(descriptor) > 2:
            _close_at_exec(int(descriptor))
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], AT_START)


def _close_at_exec(descriptor: int) -> None:
    try:
        os.set_inheritable(descriptor, False)
    except OSError:  # the one by which they were listed
        return
