"""The device of a worker process: the CPU, a GPU, or a share of one; set in its environment."""

from __future__ import annotations

import os
from dataclasses import dataclass

from studyhall.search.process import gpus, keras_settings
from studyhall.search.study_file.config_error import ConfigError

CONTEXT_MIB = 600  # GPU memory of each process (CUDA context) besides what the backend manages
LEAST_MIB = 256  # with less memory nothing can be trained
LIMIT = "STUDYHALL_GPU_MIB"  # a worker's share of its GPU's memory, in MiB
SHARED_BY = "STUDYHALL_GPU_SHARED_BY"  # how many workers train on its GPU
AS_NEEDED = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", keras_settings.PREALLOCATES: "false"}
JAX_SHARE = "XLA_PYTHON_CLIENT_MEM_FRACTION"  # the most that it takes, if it takes it as needed
JAX_KINDS = "JAX_PLATFORMS"  # of devices
HIDDEN = "-1"  # as CUDA_VISIBLE_DEVICES: no GPU at all


@dataclass(frozen=True)
class Device:
    """The device of one worker process.

    Attributes:
        gpu: the GPU's name for ``CUDA_VISIBLE_DEVICES``; None for the CPU.
        workers: the number of worker processes that share the device.
    """

    gpu: str | None = None
    workers: int = 1

    def environment(self) -> dict[str, str]:
        """Return variables that pin a process to it, to be set before Keras is imported.

        Every backend takes GPU memory as needed, and on a shared GPU at most the process's share.

        Raises:
            ConfigError: too many workers share the GPU.
        """
        if self.gpu is None:
            # JAX looks for other devices than CUDA's, too, and logs that it has not found them.
            return {"CUDA_VISIBLE_DEVICES": HIDDEN, JAX_KINDS: os.environ.get(JAX_KINDS) or "cpu"}
        pinned = {"CUDA_VISIBLE_DEVICES": self.gpu, **AS_NEEDED, SHARED_BY: str(self.workers)}
        whole = gpus.memory_mib(self.gpu) if self.workers > 1 else None
        if whole is None:
            return pinned
        share = _share_mib(whole, self.workers, self.gpu)
        return {**pinned, LIMIT: str(share), JAX_SHARE: f"{share / whole:.4f}"}


def pin(wanted: str) -> None:
    """Pin this process, a worker started by hand, to one GPU or to the CPU.

    Args:
        wanted: "auto" for the first GPU, if any, "none" for the CPU, or a GPU's number.

    Raises:
        ConfigError: there is no such GPU.
    """
    named = "all" if wanted == "auto" else "none" if wanted == "none" else [wanted]
    found = gpus.choose(named, "command line: --gpu")
    os.environ.update(Device(found[0] if found else None).environment())


def limit_memory() -> None:
    """Limit this process to its share of GPU memory; call before Keras uses the device.

    JAX has its limit by the environment.
    """
    if LIMIT not in os.environ:
        return
    backend, mib = os.environ.get(keras_settings.BACKEND), int(os.environ[LIMIT])
    if backend in (None, "tensorflow"):
        import tensorflow as tf

        limit = tf.config.LogicalDeviceConfiguration(memory_limit=mib)
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.set_logical_device_configuration(gpu, [limit])
    if backend == "torch":
        import torch

        for number in range(torch.cuda.device_count()):
            whole = torch.cuda.get_device_properties(number).total_memory
            torch.cuda.set_per_process_memory_fraction(min(1.0, mib * gpus.MIB / whole), number)


def name() -> str:
    """Return the name of this process's device for people: such as "gpu 0", or "cpu"."""
    chosen = gpu()
    if chosen is None:
        return "cpu"
    return f"gpu {chosen}" if chosen.isdecimal() else chosen


def gpu() -> str | None:
    """Return this process's GPU by its name for ``CUDA_VISIBLE_DEVICES``; None on the CPU."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    return None if chosen in ("", HIDDEN) else chosen


def devices() -> float:
    """Return the share of a device that this process occupies: 1, or less on a shared GPU."""
    return 1 / int(os.environ.get(SHARED_BY, "1"))


def _share_mib(whole: int, workers: int, gpu: str) -> int:
    share = whole // workers - CONTEXT_MIB
    if share < LEAST_MIB:
        most = whole // (LEAST_MIB + CONTEXT_MIB)
        received = f"received {workers} workers on GPU {gpu} of {whole} MiB"
        raise ConfigError([f"[workers] per_gpu: {received}, expected at most {most}"])
    return share
