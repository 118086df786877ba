"""The memory of a worker's device, by which workers are told apart that hold larger models.

On a GPU it is the GPU's, or this worker's share of it. On the CPU it is the machine's, or the limit
that a container or a scheduler has set by Linux' control groups (docs.kernel.org,
admin-guide/cgroup-v2, memory.max; cgroup-v1/memory, memory.limit_in_bytes).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psutil

from studyhall.search.process import control_groups, device, gpus

DECLARED = "STUDYHALL_MEMORY_MIB"  # for tests: goes before what is found


def mib() -> int:
    """Return the memory that this process's device offers it, in MiB; 0 if unknown."""
    if DECLARED in os.environ:
        return int(os.environ[DECLARED])
    gpu = device.gpu()
    if gpu is None:
        return of_host()
    if device.LIMIT in os.environ:
        return int(os.environ[device.LIMIT])
    return gpus.memory_mib(gpu.partition(",")[0]) or 0  # TensorFlow trains on the first


def of_host(proc: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Return the machine's memory, or its least limit in our control groups, in MiB."""
    return min([int(psutil.virtual_memory().total), *_limits(proc, groups)]) // gpus.MIB


def _limits(proc: Path, groups: Path) -> Iterator[int]:
    """Yield the limits, in bytes, of our control group and of those that it is in."""
    for first_version, path in control_groups.of_memory(proc):
        name = "memory.limit_in_bytes" if first_version else "memory.max"
        root = groups / "memory" if first_version else groups
        ours = Path(path)
        for inside in (ours, *ours.parents):  # the last is the root, where containers have theirs
            yield from _limit(root / inside / name)


def _limit(file: Path) -> Iterator[int]:
    """Yield the number in a file, if there is one; version 2 writes "max" for no limit."""
    try:
        text = file.read_text().strip()
    except OSError:
        return
    if text.isdecimal():
        yield int(text)
