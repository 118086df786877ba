"""The GPUs of this machine, found without TensorFlow, which would occupy their memory."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import Any

from studyhall.search.study_file.config_error import ConfigError

MIB = 2**20


def visible() -> list[str]:
    """Return every usable GPU by its name for ``CUDA_VISIBLE_DEVICES``: an index or a UUID.

    If ``CUDA_VISIBLE_DEVICES`` is set, by a scheduler or the user, return its GPUs; otherwise ask
    the driver.
    """
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [name.strip() for name in chosen.split(",") if name.strip() not in ("", "-1")]
    return _of_the_driver()


def choose(wanted: str | Sequence[int | str], key: str = "[workers] gpus") -> list[str]:
    """Return the visible GPUs that a user has chosen.

    Args:
        wanted: "all", "none", or their numbers as in ``nvidia-smi``; if ``CUDA_VISIBLE_DEVICES``
            is set, names as written there.
        key: the key or option that the user has set, for messages.

    Raises:
        ConfigError: there is no such GPU.
    """
    if wanted == "none":
        return []
    known = _numbered(visible())
    if wanted == "all":
        return list(known.values())
    numbers = list(dict.fromkeys(map(str, wanted)))
    unknown = [number for number in numbers if number not in known]
    if unknown:
        raise ConfigError([f"{key}: received {', '.join(unknown)}, expected {_there(known)}"])
    return [known[number] for number in numbers]


def memory_mib(name: str) -> int | None:
    """Return a GPU's memory in MiB; None if the driver does not report it."""
    with _driver() as driver:
        if driver is None:
            return None
        with contextlib.suppress(driver.NVMLError):
            index = name.isdecimal()
            by_name = driver.nvmlDeviceGetHandleByUUID
            handle = driver.nvmlDeviceGetHandleByIndex(int(name)) if index else by_name(name)
            return int(driver.nvmlDeviceGetMemoryInfo(handle).total) // MIB
        return None


def _numbered(names: list[str]) -> dict[str, str]:
    """Return the visible GPUs by the names that users may give."""
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        return {name: name for name in names}
    return {str(number): name for number, name in enumerate(names)}


def _there(known: dict[str, str]) -> str:
    if not known:
        return '"none" or "all": there is no GPU'
    chosen = "CUDA_VISIBLE_DEVICES" in os.environ
    whose = " (CUDA_VISIBLE_DEVICES)" if chosen else ""
    return f'"all", "none" or some of {", ".join(known)}{whose}'


def _of_the_driver() -> list[str]:
    with _driver() as driver:
        if driver is None:
            return []
        handles = map(driver.nvmlDeviceGetHandleByIndex, range(driver.nvmlDeviceGetCount()))
        return [str(driver.nvmlDeviceGetUUID(handle)) for handle in handles]


@contextlib.contextmanager
def _driver() -> Iterator[Any]:
    """Open NVIDIA's management library (NVML); yield None on a machine without the driver."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        yield None
        return
    try:
        yield pynvml
    finally:
        pynvml.nvmlShutdown()
