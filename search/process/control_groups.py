"""The control groups of Linux that account for this process's memory.

Containers and schedulers limit memory by them (docs.kernel.org, admin-guide/cgroup-v2, memory.max;
cgroup-v1/memory, memory.limit_in_bytes).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

PROC, GROUPS = Path("/proc"), Path("/sys/fs/cgroup")


def of_memory(proc: Path) -> Iterator[tuple[bool, str]]:
    """Yield whether our group is one of version 1, and its path below the root, "" for the root.

    Args:
        proc: where /proc is mounted.
    """
    try:
        lines = (proc / "self" / "cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers or "memory" in controllers.split(","):
            yield bool(controllers), path.lstrip("/")


def memory_limits(proc: Path = PROC, groups: Path = GROUPS) -> Iterator[tuple[Path, int]]:
    """Yield the folder and the limit, in bytes, of our group and of each that it is in.

    Args:
        proc: where /proc is mounted.
        groups: where the control groups are mounted.
    """
    for first_version, path in of_memory(proc):
        name = "memory.limit_in_bytes" if first_version else "memory.max"
        root = groups / "memory" if first_version else groups
        ours = Path(path)
        for inside in (ours, *ours.parents):  # the last is the root, where containers have theirs
            if (limit := _number(root / inside / name)) is not None:
                yield root / inside, limit


def _number(file: Path) -> int | None:
    """Return the number in a file, if there is one; version 2 writes "max" for no limit."""
    try:
        text = file.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None
