"""The control groups of Linux that account for this process's memory.

Containers and schedulers limit memory by them (docs.kernel.org, admin-guide/cgroup-v2 and
cgroup-v1).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


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
