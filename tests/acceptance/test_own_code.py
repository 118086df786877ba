"""A launch with loss, metrics and callbacks of the user's own, whose worker is killed."""

import pytest

MINE = """
import os, pathlib, signal
import keras
from keras import ops

KILLED = pathlib.Path(__file__).with_name("killed")

def focal(y_true, y_pred):
    right = ops.sum(ops.one_hot(ops.cast(y_true, "int32"), 3) * y_pred, axis=-1)
    return -ops.square(1 - right) * ops.log(right + 1e-7)

def profit(y_true, y_pred):
    right = ops.equal(ops.cast(y_true, "int64"), ops.cast(ops.argmax(y_pred, axis=-1), "int64"))
    return ops.where(right, 2.0, -1.0)

class Decays(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.rates = []

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 3 and len(self.rates) == 3 and not KILLED.exists():
            KILLED.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        self.rates.append(0.05 / (1 + sum(self.rates)) ** epoch)
        self.model.optimizer.learning_rate = self.rates[-1]

    def on_epoch_end(self, epoch, logs=None):
        logs["val_rates"] = sum(self.rates)

def make(trial):
    patience = trial.suggest_int("stops_after", 3, 4)
    return [Decays(), keras.callbacks.EarlyStopping(patience=patience, min_delta=0.02)]
"""
TRAINING = {
    "epochs": 8,
    "checkpoint_every_s": 0,
    "loss": "code/mine.py:focal",
    "metrics": ["accuracy", "code/mine.py:profit"],
    "callbacks": "code/mine.py:make",
}
RANKED = {"trials": 2, "objective": "code/mine.py:profit", "direction": "maximize"}


@pytest.mark.slow
def test_a_killed_trial_equals_one_that_was_left_alone(folder):
    folder.write("code/mine.py", MINE)
    folder.study("killed.toml", study={"name": "killed", **RANKED}, training=TRAINING)
    folder.study("whole.toml", study={"name": "whole", **RANKED}, training=TRAINING)
    printed = folder.run("launch", "killed.toml", "--workers", "1")
    assert (folder.path / "code" / "killed").exists()
    assert "profit" in printed and "reloaded in a fresh process" in printed
    folder.create("whole.toml")
    folder.here("worker", "whole")
    both = [folder.trials(name) for name in ("killed", "whole")]
    assert [trials[0].attempt for trials in both] == [2, 1]
    for mine, theirs in zip(*both, strict=True):
        assert mine.state == theirs.state == "COMPLETE"
        assert mine.params == theirs.params and mine.value == theirs.value
        assert mine.attributes["metrics"] == pytest.approx(theirs.attributes["metrics"], abs=0)
        assert {"val_profit", "val_rates"} <= {*mine.attributes["metrics"]}
        assert mine.attributes["stopped"] == theirs.attributes["stopped"]
