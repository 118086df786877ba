"""The memory that this process may still take: of the machine, or of the groups that limit it."""

from __future__ import annotations

from pathlib import Path

import psutil

from studyhall.search.process import control_groups

# What the kernel can't take back, unlike the pages of files that it keeps: in version 1 of control
# groups, where these names stand for the groups within, too, and in version 2.
HELD = (("total_rss", "total_shmem"), ("anon", "shmem"))


def free_bytes(proc: Path = control_groups.PROC, groups: Path = control_groups.GROUPS) -> int:
    """Return the bytes that are free on the machine, or that a control group's limit leaves.

    Args:
        proc: where /proc is mounted.
        groups: where the control groups are mounted.
    """
    limits = control_groups.memory_limits(proc, groups)
    left = (limit - _held(folder) for folder, limit in limits)
    return max(0, min([int(psutil.virtual_memory().available), *left]))


def _held(folder: Path) -> int:
    """Return the bytes that the processes of a control group hold; 0 if it does not say."""
    try:
        lines = [line.split() for line in (folder / "memory.stat").read_text().splitlines()]
        found = {name: int(number) for name, number in lines}
    except (OSError, ValueError):
        return 0
    return next((sum(found[name] for name in names) for names in HELD if {*names} <= {*found}), 0)
