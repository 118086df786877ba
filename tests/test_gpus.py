"""Which devices workers are pinned to."""

import subprocess
import sys

import pytest

from search import gpus


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
    code = "import sys; from search import gpus; gpus.visible(); print('tensorflow' in sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout == "False\n"
