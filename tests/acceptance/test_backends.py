"""Studies with another of Keras' backends, where TensorFlow can't even be imported."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studyhall.search.process.device import Device
from studyhall.storage.database import Database
from studyhall.storage.queries import records
from studyhall.storage.studies import studies

INNER = Path(__file__).with_name("other_backend.py")
ROOT = Path(__file__).resolve().parents[2]
WIDE = {"low": 1e-3, "high": 1e-1, "log": True}


def without(backend: str) -> pytest.MarkDecorator:
    there = importlib.util.find_spec(backend) is not None
    return pytest.mark.skipif(not there, reason=f"{backend} is not installed")


EACH = [pytest.param(name, marks=without(name)) for name in ("jax", "torch")]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Of a process that can't import TensorFlow, on the CPU; JAX compiles little, and once."""
    folder = tmp_path_factory.mktemp("environment")
    (folder / "tensorflow.py").write_text("raise ImportError('not in this test')\n")
    own = os.environ.get("PYTHONPATH")
    return {
        "PYTHONPATH": os.pathsep.join([str(folder), *([own] if own else [])]),
        **Device().environment(),  # of the CPU, also where there is a GPU
        "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
    }


def inner(backend: str, environment: dict[str, str], *options: str) -> None:
    """Run the tests of other_backend.py with a backend, in one process."""
    command = [sys.executable, "-m", "pytest", "-n0", "-p", "no:cacheprovider", *options, INNER]
    answer = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **environment, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert " passed" in answer.stdout


@pytest.mark.slow
@pytest.mark.parametrize("backend", EACH)
def test_trainings(backend: str, environment: dict[str, str]) -> None:
    inner(backend, environment, "-m", "not slow")


@pytest.mark.slow
@pytest.mark.parametrize("backend", EACH)
def test_longer_trainings(backend: str, environment: dict[str, str]) -> None:
    inner(backend, environment, "-m", "slow")


def study(backend: str | None, **training: Any) -> dict[str, dict[str, Any]]:
    return {
        "study": {"name": "when", "trials": 2},
        "data": {"source": "times.npz"},
        "training": {"epochs": 2, "backend": backend, **training},
        "search": {"first": "none", "pruner": "none"},
        "space": {"width": 4, "depth": 1, "learning_rate": WIDE},
    }


def save_times(path: Path) -> None:
    """Unix times in milliseconds, of which a float32 would keep two minutes."""
    random = np.random.default_rng(0)
    y = np.arange(60) % 2
    x = 1.7e12 + 1000.0 * (y + random.uniform(0, 0.5, 60))
    np.savez(path / "times.npz", x=x[:, None], y=y)


@pytest.mark.parametrize("backend", EACH)
def test_a_study_from_launch_to_proof(
    backend: str, environment: dict[str, str], folder: Any, new_folder: Any
) -> None:
    """The environment chooses the backend, and all that comes after has it from the study."""
    save_times(folder.path)
    folder.study(**study(None))
    folder.environment.update(environment, KERAS_BACKEND=backend)
    folder.run("launch", "study.toml", "--quiet")
    mine = folder.trials("when")
    assert [trial.state for trial in mine] == ["COMPLETE"] * 2
    card = json.loads((folder.path / "studyhall-artifacts/when/best/best.json").read_text())
    assert card["proven"] and card["backend"] == backend and card["versions"][backend]
    assert f'os.environ["KERAS_BACKEND"] = "{backend}"' in card["load"]
    assert ('os.environ["JAX_ENABLE_X64"] = "1"' in card["load"]) == (backend == "jax")

    other = new_folder()
    save_times(other.path)
    other.study(**study("tensorflow"))
    other.finish("study.toml", "when")
    assert [trial.params for trial in mine] == [trial.params for trial in other.trials("when")]


def curves(folder: Any) -> list[Any]:
    """Everything that is known of each epoch of each trial, but for the time it took."""
    db = Database.open(folder.storage)
    try:
        own = studies.find(db, "when")
        rows = [records.history(db, trial.trial_id) for trial in records.trials(db, own)]
        return [[(row["epoch"], row["value"], row["metrics"]) for row in each] for each in rows]
    finally:
        db.close()


def worker_at_epoch(folder: Any, least: int) -> int | None:
    """Return the process of a worker that has reported so many epochs of a trial."""
    state = folder.status("when")
    running = state.running if state else []
    found = [one.worker for one in running if one.held and (one.epoch or 0) >= least]
    return int(found[0].rpartition(":")[2]) if found else None


@pytest.mark.slow
@pytest.mark.parametrize("backend", EACH)
def test_a_killed_trial_goes_on_as_if_nothing_had_happened(
    backend: str, environment: dict[str, str], new_folder: Any
) -> None:
    found = []
    for killed in (False, True):
        folder = new_folder()
        save_times(folder.path)
        often = {"epochs": 400, "patience": "none", "checkpoint_every_s": 0}
        changes = study(backend, **often)
        changes["space"] |= {"dropout": 0.3, "optimizer": "adamw", "decay": "cosine"}
        folder.study(**changes, workers={"heartbeat": 1.0, "silence": 8.0})
        folder.environment.update(environment)
        process = folder.start("launch", "study.toml", "--quiet")
        while killed:
            assert process.poll() is None, process.stdout.read()
            if (pid := worker_at_epoch(folder, 20)) is not None:
                os.kill(pid, signal.SIGKILL)
                break
            time.sleep(0.05)
        said, _ = process.communicate()
        assert process.returncode == 0, said
        assert ("crashed (SIGKILL)" in said) == killed
        found.append(curves(folder))
    assert [len(curve) for curve in found[0]] == [400, 400]
    assert found[0] == found[1]
