"""Scripts in the style of public projects, by their own tool and by `studyhall run`, unchanged."""

import json
import os
import random
import subprocess
import sys

import pytest

from tests.acceptance import script_cases

SETTINGS = "[training]\ncheckpoint_every_s = 0.0\n[workers]\nheartbeat = 1.0\nsilence = 4.0\n"


def by_itself(folder, name):
    """The results of the script under its own tool."""
    environment = {**folder.environment, "TF_CPP_MIN_LOG_LEVEL": "3"}
    place = folder.path / "alone"
    place.mkdir()
    answer = subprocess.run(
        [sys.executable, f"../{name}.py", "found.json"], cwd=place, env=environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stderr
    return json.loads((place / "found.json").read_text())


def by_us(folder, name):
    """Its results under `studyhall run`."""
    said = folder.run("run", f"{name}.py", "--workers", "1", "--", "found.json")
    return json.loads((folder.path / "found.json").read_text()), said


@pytest.mark.slow
@pytest.mark.parametrize("name", script_cases.KERAS_TUNER)
def test_a_script_of_keras_tuner_finds_the_same(folder, name):
    folder.write(f"{name}.py", script_cases.keras_tuner(name))
    theirs = by_itself(folder, name)
    ours, said = by_us(folder, name)
    assert ours["space"] == theirs["space"]
    assert ours["scores"].keys() == theirs["scores"].keys()
    assert ours["scores"] == pytest.approx(theirs["scores"], abs=1e-6)
    assert alike(ours["more"], theirs["more"])
    proven = name not in ("run_trial",)
    assert ("proven: the model of trial" in said) == proven, said


@pytest.mark.slow
@pytest.mark.parametrize("name", script_cases.OPTUNA)
def test_a_script_of_optuna_finds_the_same(folder, name):
    folder.write(f"{name}.py", script_cases.optuna(name))
    theirs, (ours, _) = by_itself(folder, name), by_us(folder, name)
    assert len(ours["trials"]) == len(theirs["trials"])
    for found, expected in zip(ours["trials"], theirs["trials"], strict=True):
        assert found[0] == expected[0] and found[2:] == expected[2:]
        if found[2] == "COMPLETE":  # a pruned one has the value of its best report here
            assert found[1] == pytest.approx(expected[1], abs=1e-6)
    assert alike(ours["more"], theirs["more"])


def alike(one, other):
    """True if what was found is equal but for rounding."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(alike, one, other))
    return one == (pytest.approx(other, abs=1e-6) if isinstance(other, float) else other)


KILLED = (
    script_cases.COMMON
    + script_cases.DENSE
    + """
import time
import keras_tuner as kt

class Pause(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        time.sleep(0.05)

tuner = kt.RandomSearch(
    lambda hp: dense(hp.Int("units", 2, 64), hp.Float("rate", 1e-3, 1.0, sampling="log")),
    "val_loss", max_trials=14, seed=3, project_name="killed",
)
tuner.search(x_train, y_train, epochs=10, validation_data=(x_val, y_val), shuffle=False,
             verbose=0, callbacks=[Pause()])
found(tuner)
"""
)


@pytest.mark.slow
def test_the_budget_is_exact_with_four_workers_and_kills(folder, wait_for):
    from tests.acceptance.test_run import workers

    folder.write("killed.py", KILLED)
    folder.write("often.toml", SETTINGS)
    command = ("run", "killed.py", "--workers", "4", "--settings", "often.toml", "--", "found.json")
    process, chosen = folder.start(*command), random.Random(1)
    for count in (1, 4, 7):
        wait_for(lambda count=count: ended(folder) >= count, process)
        if working := workers(process):
            chosen.choice(working).kill()
    said, _ = process.communicate()
    assert process.returncode == 0, said
    trials = folder.trials("killed")
    assert len(trials) == 14 and all(trial.state == "COMPLETE" for trial in trials), said
    assert len({trial.number for trial in trials}) == 14
    assert len(json.loads((folder.path / "found.json").read_text())["scores"]) == 14
    assert os.path.exists(folder.path / "studyhall.db")


def ended(folder):
    state = folder.status("killed")
    return 0 if state is None else state.finished


TOPPED_UP = """
import time, optuna

def objective(trial):
    time.sleep(0.2)
    return trial.suggest_float("x", 0, 1)

study = optuna.create_study(study_name="topped", storage="sqlite:///studyhall.db",
                            load_if_exists=True)
study.optimize(objective, n_trials=5)
left = 12 - len(study.trials)
if left > 0:
    study.optimize(objective, n_trials=left)
print("saw", 12 - left, "and", len(study.trials))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("at", "count"), [(2, 1), (7, 3)])
def test_a_script_that_counts_its_trials_is_exact_after_a_kill_of_all(folder, wait_for, at, count):
    from tests.acceptance.test_run import workers

    folder.write("topped.py", TOPPED_UP)
    command = ("run", "topped.py", "--workers", str(count))
    process = folder.start(*command)
    wait_for(lambda: (state := folder.status("topped")) and state.finished >= at, process)
    for each in [*workers(process), process]:
        each.kill()
    process.communicate()
    for _ in range(2):
        assert "saw 5 and 12" in folder.run(*command)
        state = folder.status("topped")
        assert state.finished == state.limit == 12 and not state.running
