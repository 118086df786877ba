"""The memory of a worker's device, by which workers are told apart that hold larger models.

On a GPU it is the GPU's, or this worker's share of it. On the CPU it is the machine's, or the limit
that a container or a scheduler has set by Linux' control groups.
"""

from __future__ import annotations

import os
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


def of_host(proc: Path = control_groups.PROC, groups: Path = control_groups.GROUPS) -> int:
    """Return the machine's memory, or its least limit in our control groups, in MiB."""
    limits = (limit for _, limit in control_groups.memory_limits(proc, groups))
    return min([int(psutil.virtual_memory().total), *limits]) // gpus.MIB
