"""Devices that a worker may be pinned to, found without TensorFlow, which would take memory."""

from __future__ import annotations

import os


def visible() -> list[str]:
    """Name every usable GPU as ``CUDA_VISIBLE_DEVICES`` would: an index or a UUID.

    What the environment already chose (a scheduler, the user) holds; else the driver is asked.
    """
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [name.strip() for name in chosen.split(",") if name.strip() not in ("", "-1")]
    return _of_the_driver()


def _of_the_driver() -> list[str]:
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:  # no driver: no GPU
        return []
    try:
        count = pynvml.nvmlDeviceGetCount()
        handles = (pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(count))
        return [str(pynvml.nvmlDeviceGetUUID(handle)) for handle in handles]
    finally:
        pynvml.nvmlShutdown()
