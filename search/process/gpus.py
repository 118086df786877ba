"""Devices that a worker may be pinned to, found without TensorFlow, which would take memory."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import Any

from studyhall.search.study_file.config_error import ConfigError

MIB = 2**20


def visible() -> list[str]:
    """Name every usable GPU as ``CUDA_VISIBLE_DEVICES`` would: an index or a UUID.

    What the environment already chose (a scheduler, the user) holds; else the driver is asked.
    """
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [name.strip() for name in chosen.split(",") if name.strip() not in ("", "-1")]
    return _of_the_driver()


def choose(wanted: str | Sequence[int | str], key: str = "[workers] gpus") -> list[str]:
    """The visible GPUs that a user wants.

    Args:
        wanted: "all", "none", or their numbers, as ``nvidia-smi`` shows them; where
            ``CUDA_VISIBLE_DEVICES`` is set, names as they stand there.
        key: what the user set, for messages.

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
    """A GPU's memory, in MiB; None where the driver does not tell."""
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
    """What users call each GPU: its name where the environment chose it, else its number."""
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
    """NVIDIA's driver, by its own library; None on a machine without it."""
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
