"""The device on which a worker process trains."""

import os

import pytest

from studyhall.search.process import device, gpus
from studyhall.search.process.device import Device
from studyhall.search.study_file.config_error import ConfigError


def test_the_processor_hides_every_gpu(monkeypatch):
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    assert Device().environment() == {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert device.name() == "cpu" and device.devices() == 1


def test_a_gpu_of_ones_own_takes_memory_as_needed(monkeypatch):
    environment = Device("2").environment()
    assert environment == {
        "CUDA_VISIBLE_DEVICES": "2",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "STUDYHALL_GPU_SHARED_BY": "1",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert (device.name(), device.devices()) == ("gpu 2", 1)


def test_a_shared_gpu_is_divided(monkeypatch):
    monkeypatch.setattr(gpus, "memory_mib", lambda name: 8192)
    environment = Device("GPU-4f2c", 4).environment()
    share = 8192 // 4 - device.CONTEXT_MIB
    assert environment["STUDYHALL_GPU_MIB"] == str(share)
    assert environment["XLA_PYTHON_CLIENT_MEM_FRACTION"] == f"{share / 8192:.4f}"
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert (device.name(), device.devices()) == ("GPU-4f2c", 0.25)


def test_a_share_in_which_nothing_fits_is_refused(monkeypatch):
    monkeypatch.setattr(gpus, "memory_mib", lambda name: 8192)
    with pytest.raises(ConfigError) as refused:
        Device("0", 16).environment()
    received = "received 16 workers on GPU 0 of 8192 MiB, expected at most 9"
    assert refused.value.problems == [f"[workers] per_gpu: {received}"]
    assert int(Device("0", 9).environment()["STUDYHALL_GPU_MIB"]) >= device.LEAST_MIB


def test_without_the_drivers_word_a_shared_gpu_has_no_limit(monkeypatch):
    monkeypatch.setattr(gpus, "memory_mib", lambda name: None)
    assert "STUDYHALL_GPU_MIB" not in Device("0", 4).environment()


@pytest.mark.parametrize(
    ("chosen", "wanted", "expected"),
    [("2,0", "auto", "2"), ("2,0", "0", "0"), ("2,0", "none", "-1"), ("", "auto", "-1")],
)
def test_a_worker_by_hand_takes_one_gpu(monkeypatch, chosen, wanted, expected):
    monkeypatch.setattr(os, "environ", {**os.environ, "CUDA_VISIBLE_DEVICES": chosen})
    device.pin(wanted)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == expected


def test_a_worker_by_hand_on_a_gpu_that_is_not_there(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with pytest.raises(ConfigError, match=r"^command line: --gpu: received 7, expected .* of 0"):
        device.pin("7")
