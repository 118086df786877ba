"""Room on the disk where a study keeps its checkpoints and models, and what to say when it ends."""

from __future__ import annotations

import shutil
from pathlib import Path

MIB = 2**20
LEAST = 100 * MIB  # bytes that are called little


def free_bytes(folder: Path) -> int | None:
    """What is free for it; None where that can't be told."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def shortage(folder: Path) -> str:
    """A line for the user where there is little room; nothing else."""
    free = free_bytes(folder)
    if free is None or free >= LEAST:
        return ""
    return (
        f"the disk of {folder} has {free / MIB:.1f} MiB left: a checkpoint or model that finds no "
        "room is not kept, and training goes on; make room there"
    )
