"""Free disk space for a study's checkpoints and models, and the warning if there is little."""

from __future__ import annotations

import shutil
from pathlib import Path

MIB = 2**20
LEAST = 100 * MIB  # with less free space the user is warned


def free_bytes(folder: Path) -> int | None:
    """Return the free bytes on a folder's disk; None if unknown."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def shortage(folder: Path) -> str:
    """Return a warning for the user if there is little space, else an empty string."""
    free = free_bytes(folder)
    if free is None or free >= LEAST:
        return ""
    return (
        f"the disk of {folder} has only {free / MIB:.1f} MiB left: training continues, but "
        "checkpoints and models that don't fit are not saved; free some space"
    )
