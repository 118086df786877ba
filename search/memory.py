"""How much memory the training data may take."""

from __future__ import annotations

import os

GPU_BYTES = 4 * 2**30  # beside a model and its activations
SHARE = 4  # of what is available: the arrays themselves, other folds and workers need theirs


def spare_bytes() -> int:
    """Memory that may hold training data as tensors."""
    import tensorflow as tf

    if tf.config.list_logical_devices("GPU"):
        return GPU_BYTES
    return _available_bytes() // SHARE


def _available_bytes() -> int:
    try:
        with open("/proc/meminfo") as lines:
            known = dict(line.split(":") for line in lines)
        return int(known["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError):  # no Linux
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
