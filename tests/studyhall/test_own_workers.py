"""Searches by a function of the user's in several worker processes."""

import os
import signal
import threading
import time
from pathlib import Path

import keras
import numpy as np
import pytest

import studyhall

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(200, 6)).astype("float32")
Y = (X[:, 0] + X[:, 1] > 0).astype(int)
FAST = {"heartbeat": 0.5, "silence": 2.0}
FIT = {"validation_split": 0.2, "epochs": 2, "verbose": 0}


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STUDYHALL_STORAGE", f"sqlite:///{tmp_path}/studyhall.db")


def compiled(hp):
    layers = [keras.layers.Dense(hp.Int("units", 4, 16)), keras.layers.Dense(1, "sigmoid")]
    model = keras.Sequential([keras.Input((6,)), *layers])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.slow
def test_workers_get_a_function_with_what_it_refers_to(capfd):
    data, offset = np.arange(1000.0), 0.5

    def objective(trial):
        here = trial.suggest_float("x", -1, 1) - offset
        return here**2 + float(data.sum()) + (0.0 if os.getpid() != parent else 1e9)

    parent = os.getpid()
    study = studyhall.Study("square", seed=3, workers={"count": 2}).optimize(objective, 7)
    assert [*study.trials["state"]] == ["COMPLETE"] * 7 and study.best.value < 1e9
    alone = studyhall.Study("alone", seed=3)
    parent = 0
    alone.optimize(objective, 7)
    assert [*alone.trials["x"]] == [*study.trials["x"]]
    assert "square" in capfd.readouterr().out
    assert len(study.optimize(objective, 7, workers=2).trials) == 7  # its budget is spent


@pytest.mark.parametrize("workers", [0, -1, "two"])
def test_a_wrong_number_of_workers_is_refused_before_anything_is_written(workers):
    with pytest.raises(studyhall.ConfigError, match=r"workers: received "):
        studyhall.Study("own").optimize(lambda trial: 0.0, 2, workers=workers)
    assert not os.path.exists("studyhall.db")


def test_what_no_other_process_can_get_is_refused_before_anything_is_written():
    endless = (X for _ in range(9))
    with pytest.raises(studyhall.ConfigError, match=r"own: .*pickle 'generator' object"):
        studyhall.Study("own").search(compiled, endless, workers=2, **FIT)
    assert not os.path.exists("studyhall.db")


def test_workers_of_a_cluster_can_not_get_a_function():
    study = studyhall.Study("own", workers={"on": "ray"})
    with pytest.raises(studyhall.ConfigError, match=r'own: \[workers\] on: received "ray"'):
        study.search(compiled, X, Y, workers=2, **FIT)
    study = studyhall.Study("own", data=(X, Y), model=compiled, workers={"on": "ray"})
    with pytest.raises(studyhall.ConfigError, match=r'own: \[workers\] on: received "ray"'):
        study.run(workers=2)
    assert not os.path.exists("studyhall.db")


@pytest.mark.slow
def test_workers_fit_as_this_process_does(capfd):
    values = []
    for name, workers in (("here", 1), ("there", 2)):
        study = studyhall.Study(name, seed=1)
        study.search(compiled, X, Y, trials=4, workers=workers, **FIT)
        values.append([*study.trials["value"]])
    assert values[0] == values[1]
    found = study.best.model.evaluate(X[160:], Y[160:], verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(study.best.value, rel=1e-5)
    assert "proven: the model of trial" in capfd.readouterr().out
    study.best.export("out")
    assert keras.models.load_model("out/model.keras").count_params() > 0


@pytest.mark.slow
def test_a_worker_that_is_killed_leaves_its_checkpoint_to_another():
    class Kill(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            with open("epochs", "a") as file:
                file.write(f"{epoch}\n")
            if epoch == 3 and not os.path.exists("killed"):
                Path("killed").touch()
                os.kill(os.getpid(), signal.SIGKILL)

    study = studyhall.Study("fits", training={"checkpoint_every_s": 0}, workers=FAST)
    fit = {**FIT, "epochs": 5, "callbacks": [Kill()]}
    study.search(compiled, X, Y, trials=3, workers=2, **fit)
    assert [*study.trials["state"]] == ["COMPLETE"] * 3
    begun = [int(line) for line in Path("epochs").read_text().split()]
    assert begun.count(0) == 3 and begun.count(3) == 4  # only the killed epoch was begun twice
    assert study.status()["takeovers"] == 1


def interrupted(study):
    os.kill(os.getpid(), signal.SIGINT)


def terminated(study):
    os.kill(os.getpid(), signal.SIGTERM)


def stopped(study):
    study.stop()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("end", "raised", "said"),
    [
        (interrupted, KeyboardInterrupt, "fits: the trials are handed back; run the"),
        (terminated, SystemExit, "stopping after the current epochs"),
        (stopped, SystemExit, "somebody stopped the study; its workers have saved their trials"),
    ],
)
def test_an_end_hands_back_the_trials_of_all_workers(end, raised, said, capfd):
    class Slow(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            Path(f"begun-{os.getpid()}").touch()
            time.sleep(0.2)

    def end_once_both_work():
        while len([name for name in os.listdir() if name.startswith("begun-")]) < 2:
            time.sleep(0.1)
        end(studyhall.Study("fits"))

    before, study = signal.getsignal(signal.SIGINT), studyhall.Study("fits")
    fit = {**FIT, "epochs": 20, "callbacks": [Slow()]}
    threading.Thread(target=end_once_both_work).start()
    with pytest.raises(raised):
        study.search(compiled, X, Y, trials=2, workers=2, **fit)
    assert said in capfd.readouterr().out
    assert signal.getsignal(signal.SIGINT) is before
    state = study.status()
    assert state["running"] == 0 and state["waiting"] == 2
    study.search(compiled, X, Y, trials=2, workers=2, **fit)
    state = study.status()
    assert state["complete"] == 2 and state["repeated_epochs"] == 0


@pytest.mark.slow
def test_a_function_that_fails_in_workers_is_said_here():
    def objective(trial):
        return 1 / (trial.suggest_int("one", 1, 2) * 0)

    with pytest.raises(studyhall.ConfigError, match="ZeroDivisionError"):
        studyhall.Study("own").optimize(objective, 20, workers=2)
