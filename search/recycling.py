"""When a worker process makes way for a fresh one, so that whatever leaks memory ends with it."""

from __future__ import annotations

import os
from pathlib import Path

from search.stop import LAUNCHED
from search.study_file.sections import WorkersSection

EXIT_CODE = 75  # to the launcher: start another in my place (EX_TEMPFAIL of sysexits.h)
MIB = 2**20


class Age:
    """A worker's trials and memory, held against the study file's limits.

    A worker that was started by hand has nobody to start the next one, so it has no limits.

    Attributes:
        trials: how many it has run.
    """

    def __init__(self, limits: WorkersSection) -> None:
        self.trials = 0
        self._limits = limits
        self._replaceable = LAUNCHED in os.environ

    @property
    def reached(self) -> bool:
        """Whether it is time to go."""
        most, mib = self._limits.recycle_trials, self._limits.recycle_mib
        return self._replaceable and (
            (most != "none" and self.trials >= most)
            or (mib is not None and resident_bytes() >= mib * MIB)
        )


def resident_bytes() -> int:
    """Memory that this process holds now; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:  # no Linux
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
