"""Studies of streams, from the user's function to the proven model."""

import keras
import numpy as np
import psutil
import pytest
import tensorflow as tf

from studyhall.search.cli import retraining
from studyhall.search.data import streams
from studyhall.search.display import live
from studyhall.search.evaluation import proof
from studyhall.search.retraining import replay
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.training.engine import Engine, seed_everything
from studyhall.search.training.settings import Settings
from studyhall.search.trial.context import Outcome
from studyhall.storage.queries import records
from tests.stop_after import StopAfter

pytestmark = pytest.mark.part(3)

DATA = """
import keras
import numpy as np
import tensorflow as tf

N = 40

def arrays(seed, count=N):
    random = np.random.default_rng(seed)
    x = {"a": random.normal(size=(count, 3)), "b": random.integers(0, 5, (count, 2))}
    return x, (x["b"].sum(1) + x["a"][:, 0] > 4).astype("int64"), random.uniform(0.5, 2, count)

def dataset(seed):
    return tf.data.Dataset.from_tensor_slices(arrays(seed)).batch(16)

class Batches(keras.utils.PyDataset):
    def __init__(self, seed):
        super().__init__()
        self.arrays = arrays(seed)

    def __len__(self):
        return 3

    def __getitem__(self, index):
        some = slice(index * 16, (index + 1) * 16)
        return keras.tree.map_structure(lambda leaf: leaf[some], self.arrays)

def made(seed):
    def batches(epoch):
        x, y, w = arrays(seed)
        order = np.random.default_rng(epoch).permutation(N)
        for start in range(0, N, 16):
            some = order[start : start + 16]
            yield {name: leaf[some] for name, leaf in x.items()}, y[some], w[some]
    return batches

def global_random(seed):
    def batches():
        x, y, w = arrays(seed)
        for _ in range(3):
            some = np.random.permutation(N)[:16]
            yield {name: leaf[some] for name, leaf in x.items()}, y[some], w[some]
    return batches

def of_dataset(): return dataset(0), dataset(1), dataset(2)
def of_py_dataset(): return Batches(0), Batches(1), Batches(2)
def of_function(): return made(0), made(1), made(2)
def of_global_random(): return global_random(0), global_random(1), global_random(2)
def of_arrays_beside(): return dataset(0), arrays(1), arrays(2)
def of_shuffled(): return dataset(0).shuffle(9), dataset(1), dataset(2)
"""
BUILD = """
import keras
from keras import layers

def build(trial, input_shape, outputs):
    assert input_shape == {"a": (3,), "b": (2,)} and outputs is None
    a, b = keras.Input((3,), name="a"), keras.Input((2,), name="b")
    looked = layers.Flatten()(layers.Embedding(5, 2)(b))
    merged = layers.Dropout(0.2)(layers.Concatenate()([a, looked]))
    hidden = layers.Dense(trial.suggest_int("units", 3, 6), "relu", kernel_regularizer="l2")(merged)
    return keras.Model({"a": a, "b": b}, layers.Dense(1, "sigmoid", name="yes")(hidden))
"""
TRAINING = {"loss": "binary_crossentropy", "metrics": ["accuracy"]}
KINDS = ["of_dataset", "of_py_dataset", "of_function", "of_global_random", "of_arrays_beside"]


@pytest.fixture
def study(studio):
    """Makes a study of streams."""

    def make(source, **changes):
        (studio.folder / "my_data.py").write_text(DATA)
        changes = {"space": {"width": None, "learning_rate": None}, "training": TRAINING, **changes}
        changes["data"] = {"source": f"my_data.py:{source}", **changes.get("data", {})}
        return studio.study(BUILD, **changes)

    return make


@pytest.mark.sampled(1)
@pytest.mark.sampled(1)
@pytest.mark.parametrize("source", KINDS)
def test_a_model_of_streams_is_proven_and_replayed(studio, study, source):
    made = study(source, study={"objective": "accuracy", "trials": 1})
    studio.finish(made)
    card = proof.finish(studio.db, made)
    assert card["proven"], card["proof"]
    assert card["value"] == card["metrics"]["val_accuracy"] and card["task"] == "as given"
    assert "stream" in card["test"]["scores"]["no_scores"] and card["test"]["scores"]["value"] >= 0
    assert replay.replay(studio.db, made, studio.worker(made).context.plan, 0).reproduces


@pytest.mark.sampled(1)
@pytest.mark.parametrize("source", ["of_function", "of_global_random", "of_py_dataset"])
def test_a_trial_that_is_taken_over_equals_one_never_stopped(studio, study, source):
    training = {**TRAINING, "epochs": 4, "checkpoint_every_s": 0.0}
    whole, broken = (
        study(source, study={"name": name, "trials": 1}, training=training)
        for name in ("whole", "broken")
    )
    studio.finish(whole)
    objective = studio.worker(broken, StopAfter(2))
    assert objective.run(objective.context.store.claim()) is Outcome.HANDED_BACK
    assert studio.finish(broken) == [Outcome.COMPLETE]
    (one,), (other,) = (records.trials(studio.db, each) for each in (whole, broken))
    assert (other.attempt, other.value, other.best_epoch) == (2, one.value, one.best_epoch)
    assert other.attributes["metrics"] == one.attributes["metrics"]


def test_what_a_stream_can_not_do_is_said(studio, study):
    with pytest.raises(ConfigError, match="folds: received 3, expected 1: the data are a stream"):
        study("of_dataset", data={"folds": 3})
    made = study("of_dataset", study={"trials": 1})
    studio.finish(made)
    with pytest.raises(ConfigError, match="datacurve: received data that are a stream"):
        retraining.measure_datacurve(studio.db, made, "", {}, live.lines(print, quiet=True), 1)
    assert "batch by batch" in " ".join(made.config["inspection"]["about"]["notes"])
    shuffled = study("of_shuffled", study={"name": "shuffled"})
    assert "pass to pass" in " ".join(shuffled.config["inspection"]["about"]["notes"])


def test_batches_of_a_stream_have_a_size_of_their_own(studio, study, caplog):
    made = study("of_dataset", space={"width": None, "learning_rate": None, "batch_size": [8, 64]})
    studio.finish(made)
    (reason,) = {trial.attributes["reason"] for trial in records.trials(studio.db, made)}
    assert reason.startswith("[space] batch_size: received a hyperparameter, expected none")


def test_memory_does_not_grow_with_the_stream():
    base, process, resident = np.ones((2**19, 2), np.float32), psutil.Process(), []

    def batches():
        for number in range(80):  # of 4 MiB, 320 MiB in all
            resident.append(process.memory_info().rss)
            yield base + number, base[:, :1]

    few = streams.of(lambda: [(base, base[:, :1])], "few")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1e-6), "mse")
    training = Engine(streams.of(batches, "many"), few).training(model, Settings(2, 2**19))
    assert len([*training.epochs()]) == 2
    assert (
        max(resident[80:]) - min(resident[80:]) < 80 * 2**20
    )  # a quarter; other threads take and give, too


@pytest.mark.parametrize("stops", [None, 2])
def test_batches_of_unknown_number_train_as_those_of_known_number(stops):
    """At their end nothing is changed: not Adam's count of steps, nor what dropout draws."""
    x, y = np.random.default_rng(0).normal(size=(2, 40, 3)).astype("float32")
    known = tf.data.Dataset.from_tensor_slices((x, y)).batch(16)
    kinds = [known, known.filter(lambda *_: True), lambda: iter(known.as_numpy_iterator())]

    class Stops(keras.Model):
        def train_step(self, data):
            self.stop_training = self.optimizer.iterations == stops
            return super().train_step(data)

    def trained(found):
        seed_everything(0)
        inputs = keras.Input((3,))
        outputs = keras.layers.Dense(3)(keras.layers.Dropout(0.3)(inputs))
        model = (keras.Model if stops is None else Stops)(inputs, outputs)
        model.compile("adam", "mse", run_eagerly=stops is not None)
        stream = streams.of(found, "load")
        training = Engine(stream, stream).training(model, Settings(epochs=3, batch_size=16))
        return [*training.epochs()], training.stopped

    (one, why), *others = map(trained, kinds)
    assert why == ("epochs" if stops is None else "patience") and len(one) == (
        3 if not stops else 1
    )
    for other, how in others:
        assert [each.metrics for each in other] == [each.metrics for each in one] and how == why
