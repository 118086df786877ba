"""The memory of a worker's device: of the machine, its control groups, a GPU or a share of one."""

import psutil
import pytest

from studyhall.search.process import device, device_memory, gpus, identity

TOTAL = psutil.virtual_memory().total // gpus.MIB


def host(tmp_path, groups, **files):
    """The memory of a machine with these lines in /proc/self/cgroup, and these files."""
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "cgroup").write_text(groups)
    for path, content in files.items():
        file = tmp_path / "groups" / path.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.with_name(file.name.replace("_max", ".max").replace("_limit", ".limit")).write_text(
            content
        )
    return device_memory.of_host(tmp_path, tmp_path / "groups")


def test_the_machines_own_without_limits(tmp_path):
    assert device_memory.of_host(tmp_path, tmp_path) == TOTAL
    assert host(tmp_path, "0::/job/step\n", job__step__memory_max="max\n") == TOTAL


def test_the_least_limit_of_the_groups_that_it_is_in(tmp_path):
    limits = {"job__step__memory_max": "max\n", "job__memory_max": f"{64 * 2**20}\n"}
    assert host(tmp_path, "0::/job/step\n", memory_max=f"{65 * 2**20}\n", **limits) == 64


def test_that_of_version_1(tmp_path):
    limits = {"memory__docker__7__memory_limit_in_bytes": f"{64 * 2**20}\n"}
    groups = "9:cpu,cpuacct:/docker/7\n8:memory:/docker/7\n"
    assert host(tmp_path, groups, **limits) == 64


@pytest.mark.parametrize(
    ("environment", "mib"),
    [
        ({"CUDA_VISIBLE_DEVICES": "-1"}, TOTAL),
        ({"CUDA_VISIBLE_DEVICES": "1,0"}, 40_960),
        ({"CUDA_VISIBLE_DEVICES": "0"}, 0),  # the driver does not say
        ({"CUDA_VISIBLE_DEVICES": "1", device.LIMIT: "19880"}, 19_880),
        ({"CUDA_VISIBLE_DEVICES": "1", device_memory.DECLARED: "7"}, 7),
    ],
)
def test_each_device_has_its_own(monkeypatch, environment, mib):
    monkeypatch.setattr(gpus, "memory_mib", {"0": None, "1": 40_960}.get)
    monkeypatch.setattr(device_memory, "of_host", lambda: TOTAL)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert device_memory.mib() == mib
    assert identity.this_process().memory_mib == mib
