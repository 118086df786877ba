"""Workers survive models that kill them, a launcher that dies, and being recycled."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

COMMAND = [sys.executable, "-P", "-m", "studyhall"]
DEADLINE_S = 400.0

# Models that can't be trained

DANGEROUS = """
import ctypes, os, pathlib, time
import keras
import numpy as np

def raises():
    raise KeyError("width")

def crashes():
    ctypes.string_at(0)

def hangs():
    time.sleep(600)

def asks_for_too_much():
    mark = pathlib.Path(__file__).with_name("asked")
    if not mark.exists() or "SMALL_GROUP" not in os.environ:
        mark.touch()
        np.ones((2**24, 2**24))
    group = pathlib.Path(os.environ["SMALL_GROUP"])
    limit, used = group / "memory.limit_in_bytes", group / "memory.usage_in_bytes"
    if not limit.exists():
        limit, used = group / "memory.max", group / "memory.current"
    limit.write_text(str(2**40))
    held = [np.ones(2**28, np.uint8)]  # the largest of its group is killed
    limit.write_text(str(int(used.read_text()) + 2**25))
    while True:
        held.append(np.ones(2**24, np.uint8))

def build(trial, input_shape, outputs):
    units = trial.suggest_int("units", 4, 8)
    cases = {1: raises, 2: crashes, 3: hangs, 4: asks_for_too_much}
    cases.get(trial.number, lambda: None)()
    return keras.Sequential([
        keras.Input(input_shape), keras.layers.Dense(units),
        keras.layers.Dense(outputs, activation="softmax"),
    ])
"""


@pytest.fixture
def small_group(monkeypatch):
    """A control group for a launch and its workers; None where we may not make one."""
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    own = {
        controllers: path.strip("/") for _, controllers, path in (x.split(":", 2) for x in lines)
    }
    root, old = Path("/sys/fs/cgroup"), "memory" in own
    parent = root / "memory" / own["memory"] if old else root / own.get("", "")
    group = parent / f"studyhall-workers-{os.getpid()}"
    try:
        group.mkdir()
        (group / ("memory.limit_in_bytes" if old else "memory.max")).write_text(str(2**40))
    except OSError:
        yield None
        return
    yield group
    left = [psutil.Process(int(pid)) for pid in (group / "cgroup.procs").read_text().split()]
    for process in left:  # of a test that failed
        process.kill()
    psutil.wait_procs(left, timeout=60)
    group.rmdir()


def launched_in(group, folder, *arguments):
    """Run the command to its end, in a control group if there is one."""
    environment = dict(folder.environment)
    enter = ""
    if group is not None:
        environment["SMALL_GROUP"] = str(group)
        enter = 'echo $$ > "$SMALL_GROUP/cgroup.procs" && '
    return subprocess.run(
        ["sh", "-c", f'{enter}exec "$@"', "sh", *COMMAND, *arguments],
        cwd=folder.path, env=environment, capture_output=True, text=True, timeout=DEADLINE_S,
        check=False,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(450)
def test_models_that_end_their_workers_cost_their_trials_only(folder, small_group):
    """One raises, one crashes, one hangs, one asks for too much and is killed when it may again.

    Nobody waits for the silence of the dead.
    """
    folder.write("mine.py", DANGEROUS)
    folder.study(
        study={"trials": 7},
        model={"family": "mine.py:build"},
        space={"width": None},
        training={"trial_minutes": 0.2},
        workers={"retries": 0, "silence": 600},
    )
    answer = launched_in(small_group, folder, "launch", "study.toml", "--workers", "2")
    said = answer.stdout + answer.stderr
    assert answer.returncode == 0, said
    trials = folder.trials("iris")
    assert [trial.number for trial in trials] == [*range(7)], said
    failed = {t.number: t.attributes for t in trials if t.state == "FAIL"}
    assert {n: found.get("stopped") for n, found in failed.items()} == {
        1: None, 2: "worker died", 3: "hung", 4: "out of memory"
    }, said  # fmt: skip
    assert "KeyError: 'width'" in failed[1]["reason"]
    assert "its worker died without completing an epoch" in failed[2]["reason"]
    assert "crashed (SIGSEGV); it restarts in 1 s" in said
    assert failed[3]["reason"] == "hung: no first epoch beyond its limit of 0.2 minutes"
    assert 'mine.py", line 13 in hangs' in folder.log("iris", 1) + folder.log("iris", 2)
    how = "SIGKILL" if small_group else "Unable to allocate"
    reason = f"out of memory, 2 times: before its model was built; {how}"
    assert failed[4]["reason"].startswith(reason)
    assert [trial.attempt for trial in trials] == [1, 1, 1, 1, 2, 1, 1]
    assert all("units" in trials[n].params for n in (1, 3, 4)), "samplers must avoid the like"
    found = folder.json("status", "iris")
    assert (found["left"], found["out_of_memory"], found["workers"]) == (0, 1, [])
    assert 0 < found["out_of_memory_share"] < 1


# Recycling, and the death of the launcher

RECYCLED = """
import pathlib, time
import keras

HERE = pathlib.Path(__file__).parent
LOG = HERE / "studyhall-artifacts" / "slow" / "logs" / "worker-1.log"

def wait_for(condition):
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)

def build(trial, input_shape, outputs):
    if trial.number == 1:  # the last of its worker
        wait_for(lambda: LOG.read_text().count("as a stand-by") == 1)
    if trial.number == 3:
        wait_for((HERE / "killed").exists)
    return keras.Sequential([
        keras.Input(input_shape), keras.layers.Flatten(),
        keras.layers.Dense(32, activation="relu"),
        keras.layers.Dense(outputs, activation="softmax"),
    ])
"""
SLOW = {
    "study": {"name": "slow", "trials": 5},
    "data": {"source": "sklearn:digits", "samples": 200},
    "model": {"family": "mine.py:build"},
    "training": {"epochs": 10, "patience": "none", "engine": "keras"},
    "space": {"width": None},
    "workers": {"recycle_trials": 2, "silence": 600},
}


def until(condition, process, printed):
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert process.poll() is None, printed.read_text()
        assert time.monotonic() < deadline, "what the test waits for did not come about"
        time.sleep(0.2)


def is_gone(process):
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.slow
@pytest.mark.timeout(450)
def test_workers_make_way_in_time_and_outlive_no_launcher(folder):
    """The next one has imported and loaded everything when the one before it leaves."""
    folder.write("mine.py", RECYCLED)
    folder.study(**SLOW)
    began = time.time()
    printed = folder.path / "printed"
    with printed.open("w") as out:
        command = [*COMMAND, "launch", "study.toml"]
        launch = subprocess.Popen(
            command, cwd=folder.path, env=folder.environment, stdout=out, stderr=out
        )

    log = folder.path / "studyhall-artifacts" / "slow" / "logs" / "worker-1.log"

    def in_the_last_trial_of_the_second_worker():
        state = folder.status("slow")
        begun = state and any(one.number == 3 for one in state.running)
        return begun and log.read_text().count("as a stand-by") == 2

    try:
        until(in_the_last_trial_of_the_second_worker, launch, printed)
        workers = psutil.Process(launch.pid).children()
        assert len(workers) == 2  # one stands by
        launch.kill()
        (folder.path / "killed").touch()
        deadline = time.monotonic() + DEADLINE_S
        while not all(map(is_gone, workers)):
            assert time.monotonic() < deadline, "workers outlive their launcher"
            time.sleep(0.05)
    finally:
        launch.kill()
        launch.wait()
    *done, cut = folder.trials("slow")
    assert [trial.state for trial in done] == ["COMPLETE"] * 3
    assert (cut.state, cut.attempt) == ("RUNNING", 1) and 1 <= cut.epochs < 10
    assert [done[0].worker == done[1].worker, done[1].worker == done[2].worker] == [True, False]
    start_s = done[0].started_at - began  # of launcher and worker, with what both import
    gap_s = done[2].started_at - done[1].finished_at
    assert gap_s < start_s / 3, f"nobody trained for {gap_s:.1f} s; a start takes {start_s:.1f} s"
    state = folder.status("slow")
    assert [one.held for one in state.running] == [False] and state.workers == []

    lines = folder.run("worker", "slow").splitlines()  # by hand it is its own successor
    assert [line for line in lines if line.startswith("worker started")] == [
        "worker started: slow on cpu, 2 of 5 trials left",
        "worker started: slow on cpu, 0 of 5 trials left",
    ]
    trials = folder.trials("slow")
    assert [trial.state for trial in trials] == ["COMPLETE"] * 5
    assert (trials[3].attempt, trials[3].repeated_epochs) == (2, 0)
    assert all(trial.epochs == 10 for trial in trials)
    assert trials[3].worker == trials[4].worker


# A long study in one process

MANY = {
    "study": {"name": "many", "trials": 300},
    "data": {"source": "sklearn:digits", "samples": 300},
    "training": {"epochs": 2},
    "search": {"sampler": "random", "pruner": "none"},
    "space": {
        "depth": {"low": 1, "high": 3},
        "width": {"low": 8, "high": 64},
        "dropout": [0.0, 0.3],
        "batch_norm": [False, True],
        "optimizer": ["sgd", "momentum", "adam", "rmsprop"],
        "batch_size": [32, 64],
    },
    "workers": {"recycle_trials": "none"},
}
WARM = 60  # trials


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_three_hundred_trials_take_no_more_memory(folder):
    """In one worker, which is not recycled; plain Keras would have taken 2 GB more by the end."""
    folder.study(**MANY)
    printed = folder.path / "printed"
    with printed.open("w") as out:
        command = [*COMMAND, "launch", "study.toml"]
        launch = subprocess.Popen(
            command, cwd=folder.path, env=folder.environment, stdout=out, stderr=out
        )
    resident = {}  # bytes, by the trials that have ended
    while launch.poll() is None:
        for worker in psutil.Process(launch.pid).children():
            state = folder.status("many")
            if state and state.workers and worker.pid == state.workers[0].pid:
                resident[state.finished] = max(_resident(worker), resident.get(state.finished, 0))
        time.sleep(0.2)
    assert launch.returncode == 0, printed.read_text()
    trials = folder.trials("many")
    assert [trial.number for trial in trials] == [*range(300)]
    assert len({trial.worker for trial in trials}) == 1
    warm = max(taken for done, taken in resident.items() if done <= WARM)
    later = max(taken for done, taken in resident.items() if done > WARM)
    assert len(resident) > 100 and later < 1.1 * warm, resident


def _resident(process):
    try:
        return process.memory_info().rss
    except psutil.Error:  # it has just ended
        return 0
