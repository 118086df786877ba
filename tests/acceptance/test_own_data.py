"""A launch on the user's own stream of several inputs and outputs, whose worker is killed."""

import pytest

MINE = """
import os, pathlib, signal
import keras
import numpy as np
from keras import layers

KILLED = pathlib.Path(__file__).with_name("killed")
N, SIZE = 60, 16

def stream(seed, deadly=False):
    random = np.random.default_rng(seed)
    x = {"a": random.normal(size=(N, 3)), "b": random.integers(0, 5, (N, 2))}
    y = {"yes": (x["b"].sum(1) > 4) * 1, "sum": x["a"].sum(1, keepdims=True)}
    weights = {"yes": random.uniform(0.5, 2, N), "sum": np.ones(N)}

    def batches(epoch):
        order = np.random.permutation(N)
        for start in range(0, N, SIZE):
            if deadly and epoch == 3 and start and not KILLED.exists():
                KILLED.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            some = order[start : start + SIZE] if epoch else slice(start, start + SIZE)
            yield keras.tree.map_structure(lambda leaf: leaf[some], (x, y, weights))

    return batches

def load():
    return stream(0, deadly=True), stream(1), stream(2)

def build(trial, input_shape, outputs):
    a, b = keras.Input((3,), name="a"), keras.Input((2,), name="b")
    looked = layers.Flatten()(layers.Embedding(5, trial.suggest_int("length", 2, 4))(b))
    merged = layers.Dropout(0.2)(layers.Concatenate()([a, looked]))
    y = {"yes": layers.Dense(1, "sigmoid", name="yes")(merged)}
    return keras.Model({"a": a, "b": b}, {**y, "sum": layers.Dense(1, name="sum")(merged)})
"""
FILE = {
    "data": {"source": "code/mine.py:load"},
    "model": {"family": "code/mine.py:build"},
    "training": {
        "epochs": 5,
        "checkpoint_every_s": 0,
        "loss": {"yes": "binary_crossentropy", "sum": "mean_squared_error"},
        "metrics": {"yes": ["accuracy"]},
    },
    "space": {"width": None},
}
RANKED = {"trials": 2, "objective": ["val_yes_accuracy", "sum_loss"]}


@pytest.mark.slow
def test_a_killed_trial_equals_one_that_was_left_alone(folder):
    folder.write("code/mine.py", MINE)
    folder.study("killed.toml", study={"name": "killed", **RANKED}, **FILE)
    folder.study("whole.toml", study={"name": "whole", **RANKED}, **FILE)
    printed = folder.run("launch", "killed.toml", "--workers", "1")
    assert (folder.path / "code" / "killed").exists()
    assert "batch by batch" in printed and "reloaded in a fresh process" in printed
    folder.create("whole.toml")
    folder.here("worker", "whole")
    both = [folder.trials(name) for name in ("killed", "whole")]
    assert [trials[0].attempt for trials in both] == [2, 1]
    for one, other in zip(*both, strict=True):
        assert one.state == "COMPLETE" and one.params == other.params
        assert one.value == other.value == one.attributes["metrics"]["val_yes_accuracy"]
        assert one.attributes["metrics"] == other.attributes["metrics"]
        assert (
            one.attributes["objectives"]["sum_loss"] == other.attributes["metrics"]["val_sum_loss"]
        )
    assert folder.json("best", "killed")["proof"]["proven"]
    folder.run("replay", "killed", "0")


COUNTED = """
import os, pathlib
import numpy as np

def load():
    with pathlib.Path(__file__).with_name("counted.calls").open("a") as calls:
        print(os.getpid(), file=calls)
    random = np.random.default_rng(0)
    x = random.normal(size=(90, 3))
    return x, (x.sum(axis=1) > 0) * 1
"""


@pytest.mark.slow
def test_the_worker_that_has_inspected_the_data_trains_with_them(folder):
    """A function is called twice, to see that it returns the same, and not again for the trials."""
    folder.write("counted.py", COUNTED)
    folder.study("counted.toml", study={"name": "counted"}, data={"source": "counted.py:load"})
    folder.run("launch", "counted.toml", "--workers", "1")
    calls = (folder.path / "counted.calls").read_text().split()
    worker = folder.trials("counted")[0]
    assert calls[0] == calls[1] and len({*calls}) == len(calls) - 1 == 2, (calls, worker)
