"""The number of CPU threads per worker: an even share of the cores.

Measured by ``benchmarks/threads.py``.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

from studyhall.search.process import keras_settings

QUOTA = Path("/sys/fs/cgroup/cpu.max")  # of a container (docs.kernel.org, admin-guide/cgroup-v2)


# Of each backend. Those of the others do no harm, but for torch's, which NumPy's products heed too.
VARIABLES = ("TF_NUM_INTRAOP_THREADS", "NPROC")  # NPROC: XLA's, and so JAX'
OF_TORCH = "OMP_NUM_THREADS"


def environment(workers: int) -> dict[str, str]:
    """Return the environment variables for the backend's threads in each of ``workers`` workers.

    These threads share the work of a single operation (intra-op). The training engine sets how many
    operations TensorFlow runs at the same time (inter-op).
    """
    torch = (OF_TORCH,) if os.environ.get(keras_settings.BACKEND) == "torch" else ()
    return dict.fromkeys((*VARIABLES, *torch), str(max(1, cores() // workers)))


def cores(quota: Path = QUOTA) -> int:
    """Return the number of cores that this process may use, by CPU affinity and container quota."""
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
    else:
        allowed = os.cpu_count() or 1
    try:
        limit, period = quota.read_text().split()
    except (OSError, ValueError):  # no control groups, or no quota
        return allowed
    return allowed if limit == "max" else min(allowed, math.ceil(int(limit) / int(period)))
