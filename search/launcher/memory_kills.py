"""The kernel's count of out-of-memory kills, which tells whether a killed process was one of them.

Linux counts the processes that its out-of-memory killer ends: per control group (docs.kernel.org,
admin-guide/cgroup-v2, memory.events; cgroup-v1/memory, memory.oom_control), and for the whole
machine in /proc/vmstat.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from studyhall.search.process import control_groups

RECENT_S = 30.0  # from the kernel's count to the end of the process, which has much memory to free


def count(proc: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Return the number of out-of-memory kills in our control group, else on the machine."""
    for file in (*_of_our_group(proc, groups), proc / "vmstat"):
        counted = _field(file, "oom_kill")
        if counted is not None:
            return counted
    return 0


class MemoryKills:
    """An observer of the count, which attributes each kill to the death of one process."""

    def __init__(self, count: Callable[[], int] = count) -> None:
        self._count = count
        self._seen = count()
        self._unexplained: deque[float] = deque()

    def look(self, now: float | None = None) -> None:
        """Read the count and remember new kills; forget those older than 30 s."""
        now = time.monotonic() if now is None else now
        counted = self._count()
        self._unexplained.extend([now] * (counted - self._seen))
        self._seen = counted
        while self._unexplained and self._unexplained[0] < now - RECENT_S:
            self._unexplained.popleft()

    def explain(self, now: float | None = None) -> bool:
        """Return True if a process just found dead by SIGKILL was killed for lack of memory."""
        self.look(now)
        known = bool(self._unexplained)
        if known:
            self._unexplained.popleft()
        return known


def _of_our_group(proc: Path, groups: Path) -> Iterator[Path]:
    """Yield files with our control group's count; in a container it may be mounted at the root."""
    for first_version, path in control_groups.of_memory(proc):
        for inside in (path, ""):
            if first_version:
                yield groups / "memory" / inside / "memory.oom_control"
            else:
                yield groups / inside / "memory.events"


def _field(file: Path, name: str) -> int | None:
    try:
        lines = (line.split() for line in file.read_text().splitlines())
        return next((int(line[1]) for line in lines if line[:1] == [name]), None)
    except OSError:
        return None
