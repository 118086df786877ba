"""The devices to which workers are pinned."""

import subprocess
import sys

import pytest

from studyhall.search.process import gpus
from studyhall.search.study_file.config_error import ConfigError


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ("", []),
        ("-1", []),
        ("0", ["0"]),
        ("2, 0", ["2", "0"]),
        ("GPU-4f2c,GPU-9d1a", ["GPU-4f2c", "GPU-9d1a"]),
        ("0,-1", ["0"]),
    ],
)
def test_what_the_environment_chose_holds(monkeypatch, chosen, expected):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    assert gpus.visible() == expected


def test_else_the_driver_is_asked(monkeypatch):
    """By its own tool, where there is one: a name for each device, and none twice."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    try:
        answer = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True)
        listed = answer.stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        listed = []
    found = gpus.visible()
    assert len(found) == len(set(found)) == len(listed)
    assert all(any(name in line for line in listed) for name in found)


def test_asking_does_not_import_tensorflow():
    code = (
        "import sys; from studyhall.search.process import gpus;"
        " gpus.visible(); print('tensorflow' in sys.modules)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout == "False\n"


@pytest.mark.parametrize(
    ("chosen", "wanted", "expected"),
    [
        ("2,0", "all", ["2", "0"]),
        ("2,0", "none", []),
        ("2,0", [0], ["0"]),
        ("2,0", [0, 2, 0], ["0", "2"]),
        ("GPU-4f2c,GPU-9d1a", ["GPU-9d1a"], ["GPU-9d1a"]),
        ("", "all", []),
    ],
)
def test_those_that_the_user_wants(monkeypatch, chosen, wanted, expected):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    assert gpus.choose(wanted) == expected


@pytest.mark.parametrize(
    ("chosen", "wanted", "said"),
    [
        ("2,0", [1, 3], 'received 1, 3, expected "all", "none" or some of 2, 0 (CUDA_VISIBLE_DE'),
        ("", [0], 'received 0, expected "none" or "all": there is no GPU'),
    ],
)
def test_one_that_is_not_there(monkeypatch, chosen, wanted, said):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    with pytest.raises(ConfigError) as refused:
        gpus.choose(wanted, "study.toml: [workers] gpus")
    (line,) = refused.value.problems
    assert line.startswith(f"study.toml: [workers] gpus: {said}")


def test_numbers_count_the_drivers_gpus(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    found = gpus.visible()
    assert gpus.choose("all") == found
    assert gpus.choose(list(range(len(found)))) == found
    with pytest.raises(ConfigError, match=f"received {len(found)}, expected"):
        gpus.choose([len(found)])


def test_a_gpus_memory_where_there_is_one():
    for name in gpus.visible():
        assert gpus.memory_mib(name) > 1000
    assert gpus.memory_mib("4096") is None and gpus.memory_mib("GPU-none") is None
