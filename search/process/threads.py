"""How many of the processor's threads a worker gets: an even share of the cores.

Measured by ``benchmarks/threads.py``.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

QUOTA = Path("/sys/fs/cgroup/cpu.max")  # of a container (docs.kernel.org, admin-guide/cgroup-v2)


def environment(workers: int) -> dict[str, str]:
    """What tells TensorFlow, in the environment of each of so many workers of this machine.

    These threads share the work of one operation. How many operations may run at the same time
    is the training engine's matter.
    """
    return {"TF_NUM_INTRAOP_THREADS": str(max(1, cores() // workers))}


def cores(quota: Path = QUOTA) -> int:
    """How many cores this process may use, by its affinity and by its container's quota."""
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
    else:
        allowed = os.cpu_count() or 1
    try:
        limit, period = quota.read_text().split()
    except (OSError, ValueError):  # another system, or no quota there
        return allowed
    return allowed if limit == "max" else min(allowed, math.ceil(int(limit) / int(period)))
