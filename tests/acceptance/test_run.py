"""Scripts that search by KerasTuner or Optuna, run by their own tool and by `studyhall run`."""

import json
import subprocess
import sys

import keras
import numpy as np
import psutil
import pytest

DATA = """
import json, os, sys
import keras
import numpy as np

rng = np.random.default_rng(0)
x = rng.normal(size=(240, 6)).astype("float32")
y = (x[:, 0] * x[:, 1] + x[:, 2] > 0).astype("int32")
x_train, y_train, x_val, y_val = x[:160], y[:160], x[160:], y[160:]
"""
# A class that chooses the batch size, layers in a loop, a condition, an objective of its own,
# EarlyStopping, and at the end all that people ask a tuner for.
TUNE = """
from tensorflow import keras as _  # the older way to import it
import keras_tuner as kt
from keras_tuner.engine.hypermodel import HyperModel

class Model(HyperModel):
    def build(self, hp):
        keras.utils.set_random_seed(7)
        model = keras.Sequential([keras.Input((6,))])
        for i in range(hp.Int("layers", 1, 2)):
            model.add(keras.layers.Dense(hp.Choice(f"units_{i}", [4, 8]), activation="tanh"))
        kind = hp.Choice("optimizer", ["adam", "sgd"])
        with hp.conditional_scope("optimizer", ["sgd"]):
            momentum = hp.Float("momentum", 0.0, 0.9, step=0.9)
        model.add(keras.layers.Dense(1, activation="sigmoid"))
        optimizer = "adam" if kind == "adam" else keras.optimizers.SGD(0.05, momentum or 0.0)
        model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"])
        return model

    def fit(self, hp, model, *args, **kwargs):
        return model.fit(*args, batch_size=hp.Fixed("batch", 32), **kwargs)

tuner = kt.GridSearch(
    Model(), kt.Objective("val_accuracy", direction="max"), max_trials=9,
    directory="kept", project_name="parity",
)
space = [(type(each).__name__, each.name) for each in tuner.oracle.get_space().space]
tuner.search(
    x_train, y_train, epochs=6, validation_data=(x_val, y_val), verbose=0,
    callbacks=[keras.callbacks.EarlyStopping(patience=3)],
)
tuner.results_summary()
scores = {
    json.dumps(trial.hyperparameters.values, sort_keys=True): trial.score
    for trial in tuner.oracle.get_best_trials(50)
}
best = tuner.get_best_hyperparameters()[0]
model = tuner.get_best_models(num_models=2)[0]
again = tuner.hypermodel.build(best)
found = {
    "space": space,
    "scores": scores,
    "best": max(scores.values()),
    "evaluated": model.evaluate(x_val, y_val, verbose=0)[1],
    "layers": len(again.layers) - 1 == best.get("layers"),
    "ended": os.environ.get("STUDYHALL_LAUNCHED"),
    "arguments": sys.argv[1:],
}
with open(sys.argv[1], "a") as file:
    print(json.dumps(found), file=file)
"""


@pytest.mark.slow
def test_a_script_of_keras_tuner_gives_the_same_without_a_changed_line(folder, typed):
    folder.write("tune.py", DATA + TUNE)
    environment = {**folder.environment, "TF_CPP_MIN_LOG_LEVEL": "3"}
    theirs = subprocess.Popen(
        [sys.executable, "tune.py", "theirs.json"], cwd=folder.path, env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip

    said = folder.run("run", "tune.py", "--workers", "1", "--", "ours.json")

    assert "9 of 9" in said and "Results summary" in said
    assert "proven: the model of trial" in said
    _, problems = theirs.communicate()
    assert theirs.returncode == 0, problems
    tuner, ours = (
        json.loads((folder.path / name).read_text()) for name in ("theirs.json", "ours.json")
    )
    assert ours["space"] == tuner["space"]
    assert len(ours["scores"]) == 9  # of 9 trials: no configuration ran twice
    same = tuner["scores"].keys() & ours["scores"].keys()
    assert len(same) >= 6  # both stop after 9 of 12 points, each in its own order
    assert {each: ours["scores"][each] for each in same} == pytest.approx(
        {each: tuner["scores"][each] for each in same}
    )
    assert ours["evaluated"] == pytest.approx(ours["best"])
    assert ours["layers"] and ours["ended"] is None and ours["arguments"] == ["ours.json"]

    best = folder.json("best", "parity")
    assert best["value"] == pytest.approx(ours["best"]) and best["proof"]["proven"]
    model = keras.models.load_model(f"{best['folder']}/model.keras")
    x = np.random.default_rng(0).normal(size=(240, 6)).astype("float32")
    right = (model.predict(x[160:], verbose=0)[:, 0] > 0.5) == (
        x[160:, 0] * x[160:, 1] + x[160:, 2] > 0
    )
    assert right.mean() == pytest.approx(ours["best"])
    _, _, mistake = typed("confirm", "parity")
    assert "received parity, whose trials tune.py trains" in mistake


SLOW = """
import optuna
from optuna_integration import KerasPruningCallback

class Pause(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        import time
        time.sleep(0.1)

def objective(trial):
    model = keras.Sequential([keras.Input((6,))])
    for i in range(trial.suggest_int("layers", 1, 2)):
        model.add(keras.layers.Dense(trial.suggest_int(f"units_{i}", 2, 8), activation="tanh"))
    model.add(keras.layers.Dense(1, activation="sigmoid"))
    model.compile(
        keras.optimizers.Adam(trial.suggest_float("rate", 1e-4, 1e-1, log=True)),
        "binary_crossentropy", metrics=["accuracy"],
    )
    history = model.fit(
        x_train, y_train, epochs=EPOCHS, validation_data=(x_val, y_val), verbose=0, shuffle=False,
        callbacks=[Pause(), KerasPruningCallback(trial, "val_loss")],
    )
    trial.set_user_attr("trained", len(history.history["val_loss"]))
    return min(history.history["val_loss"])

study = optuna.create_study(
    study_name="slow", sampler=optuna.samplers.TPESampler(seed=3, n_startup_trials=4),
    pruner=PRUNER,
)
study.enqueue_trial({"layers": 1, "units_0": 4, "rate": 0.01})
study.optimize(objective, n_trials=TRIALS)
frame = study.trials_dataframe()
with open("found.json", "a") as file:
    print(json.dumps({
        "best": study.best_value, "number": study.best_trial.number,
        "values": list(frame["value"]), "states": list(frame["state"]),
        "params": [trial.params for trial in study.trials],
        "trained": [trial.user_attrs.get("trained") for trial in study.trials],
    }), file=file)
"""
SETTINGS = "[training]\ncheckpoint_every_s = 0.0\n[workers]\nheartbeat = 1.0\nsilence = 4.0\n"


def script(trials, epochs, pruner="optuna.pruners.NopPruner()"):
    """An Optuna script that searches at its top level, with a pause in each epoch."""
    names = {"TRIALS": trials, "EPOCHS": epochs, "PRUNER": pruner}
    text = DATA + SLOW
    for name, value in names.items():
        text = text.replace(name, str(value))
    return text


def workers(process):
    """The worker processes of a run."""
    children = psutil.Process(process.pid).children(recursive=True)
    return [child for child in children if "worker" in child.cmdline()]


def reached(folder, name, epoch):
    """True once a running trial has reached an epoch."""
    state = folder.status(name)
    return state is not None and any(one.epoch >= epoch for one in state.running)


PLAIN = """
import sys
import numpy as np
import optuna

drawn = np.random.random()  # without a seed of its own, and yet the same in every process

def objective(trial):
    if trial.suggest_int("x", 0, 9) > 5 and trial.number:
        raise ValueError("too large")
    return drawn + trial.params["x"]

study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=4))
study.enqueue_trial({"x": 3})
study.optimize(objective, n_trials=6, catch=(ValueError,))
assert study.trials[0].value == drawn + 3
print("best", study.best_value - drawn, sys.argv[1:], len(study.trials))
study.optimize(objective, n_trials=2)
print("then", len(study.trials))
"""


def test_a_script_searches_in_workers_and_goes_on_in_its_own_process(folder):
    folder.write("plain.py", PLAIN)

    said = folder.run("run", "plain.py", "--", "--fast")

    trials = folder.trials("plain")
    values = [trial.params["x"] for trial in trials if trial.state == "COMPLETE"]
    assert len(trials) == 8 and all("too large" in t.attributes.get("reason", "too large")
                                    for t in trials)  # fmt: skip
    first = [t.params["x"] for t in trials[:6] if t.state == "COMPLETE"]
    assert f"best {min(first):.1f}"[:6] in said and "['--fast'] 6" in said and "then 8" in said
    assert trials[0].params == {"x": 3} and min(values) <= 3
    assert folder.json("status", "plain")["left"] == 0


@pytest.mark.slow
def test_an_optuna_script_that_is_interrupted_and_killed_goes_on(folder, wait_for):
    folder.write("tune.py", script(trials=3, epochs=12))
    folder.write("often.toml", SETTINGS)
    command = ("run", "tune.py", "--settings", "often.toml")

    first = folder.start(*command)
    wait_for(lambda: reached(folder, "slow", 4), first)
    first.send_signal(2)
    said, _ = first.communicate()
    assert first.returncode == 130 and "studyhall resume slow" in said
    assert not (folder.path / "found.json").exists()  # what lies behind the search has not run

    second = folder.start(*command)
    wait_for(lambda: reached(folder, "slow", 8), second)
    for each in workers(second):
        each.kill()
    said, _ = second.communicate()
    assert second.returncode == 0, said

    found = json.loads((folder.path / "found.json").read_text())
    assert found["states"] == ["COMPLETE"] * 3 and found["trained"] == [12, 12, 12]
    assert found["best"] == min(found["values"]) and found["params"][0]["units_0"] == 4
    trials = folder.trials("slow")
    assert max(trial.attempt for trial in trials) == 3  # one was interrupted and killed
    assert sum(trial.repeated_epochs for trial in trials) <= 2
    assert all(trial.epochs == 12 for trial in trials)


@pytest.mark.parametrize(
    ("words", "script", "mistake"),
    [
        (("nothing.py",), "", 'SCRIPT: received "nothing.py", expected a Python file'),
        (("notes.txt",), "", 'SCRIPT: received "notes.txt", expected a Python file'),
        (("tune.py", "--settings", "s.toml"), "", "s.toml: received [space], expected [study]"),
        (("tune.py",), 'os.environ["KERAS_BACKEND"] = "mxnet"', 'KERAS_BACKEND "mxnet", expected'),
    ],
)
def test_mistakes_are_told_before_the_script_runs(folder, typed, words, script, mistake):
    folder.write("tune.py", f"import os\n{script}\nopen('ran', 'w').close()\n")
    folder.write("notes.txt", "")
    folder.write("s.toml", "[space]\nwidth = 3\n")

    code, _, said = typed("run", *words)

    assert code == 2 and mistake in said
    assert not (folder.path / "ran").exists() and not (folder.path / "studyhall.db").exists()


def test_a_script_ends_as_it_does_by_itself(folder):
    folder.write("nothing.py", "print('done')\n")
    answer = folder.answer("run", "nothing.py")
    assert (answer.returncode, answer.stdout) == (0, "done\n")
    assert "nothing.py has ended, and searched nothing" in answer.stderr

    folder.write("fails.py", "import sys\nlimit = 3\nwidth = limit / int(sys.argv[1])\n")
    answer = folder.answer("run", "fails.py", "--", "0")
    assert answer.returncode == 1 and "ZeroDivisionError" in answer.stderr
    assert "fails.py" in answer.stderr.splitlines()[1] and "runpy" not in answer.stderr
