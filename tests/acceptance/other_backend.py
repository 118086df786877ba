"""Trainings with the backend that $KERAS_BACKEND names; test_backends.py runs these tests.

They need a process of their own, since Keras can't change its backend, and TensorFlow can't be
imported in it.
"""

from __future__ import annotations

import itertools
import os
import textwrap
import threading
from typing import Any

import keras
import numpy as np
import pytest
import scipy.sparse

from studyhall.search.process import device
from studyhall.search.process.stop import Stop
from studyhall.search.training import backend, batches, checkpoint, feeding, memory, observers
from studyhall.search.training.engine import Engine, seed_everything
from studyhall.search.training.feeding import Samples
from studyhall.search.training.settings import Settings
from studyhall.search.training.training import Training
from studyhall.search.trial import failures
from studyhall.search.trial.context import Outcome
from studyhall.spaces import architecture, optimization, regularization
from studyhall.spaces.failures import UserCodeError
from studyhall.storage.queries import records

EPOCHS, CUT = 4, 2
RICH = {
    "depth": 1, "width": 4, "dropout": 0.3, "batch_norm": True, "l2": 1e-3, "optimizer": "rmsprop",
    "learning_rate": 0.5, "decay": "plateau", "decay_epochs": 1,
}  # fmt: skip
PICTURES = {
    "depth": 1, "width": 2, "convolutions": 1, "head_width": 4, "dropout": 0.3,
    "flip": "horizontal", "rotation": 20.0, "zoom": 0.1, "shift": 0.1, "optimizer": "adamw",
    "decay": "cosine", "warmup_epochs": 1, "clip_norm": 1.0,
}  # fmt: skip
OWN = """
    import keras

    class Squares(keras.layers.Layer):
        def __init__(self, **known):
            super().__init__(**known)
            self.seeds = keras.random.SeedGenerator(3)

        def call(self, x, training=False):
            noise = keras.random.normal(keras.ops.shape(x), seed=self.seeds)
            return x * x + (0.1 * noise if training else 0.0)

    def build(trial, input_shape, outputs):
        model = keras.Sequential([
            keras.Input(input_shape),
            Squares(),
            keras.layers.Dense(trial.suggest_int("width", 4, 8), activity_regularizer="l2"),
            keras.layers.Dense(outputs, activation="softmax"),
        ])
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model
"""


def test_it_is_another_backend() -> None:
    assert backend.name() == keras.config.backend() == os.environ["KERAS_BACKEND"] != "tensorflow"
    with pytest.raises(ImportError):
        import tensorflow  # noqa: F401


def engine(shape: tuple[int, ...]) -> Engine:
    def data(seed: int, number: int) -> tuple[np.ndarray, np.ndarray]:
        generator = np.random.default_rng(seed)
        y = generator.integers(0, 3, number)
        x = generator.normal(y.reshape(-1, *[1] * len(shape)), 1.0, (number, *shape))
        return x.astype(np.float32), y

    return Engine(data(0, 60), data(1, 40))


def begun(on: Engine, family: str, shape: tuple[int, ...], values: dict[str, Any]) -> Training:
    seed_everything(9)
    model = architecture.build(family, values, shape, 3, "multiclass")
    model.compile(
        optimization.optimizer(values, steps_per_epoch=4, epochs=EPOCHS),
        regularization.loss("multiclass"),
        metrics=["accuracy"],
        jit_compile="auto",
    )
    rules: dict[str, Any] = {"patience": 3, "min_delta": 10.0, "class_weight": {0: 2.0, 2: 0.5}}
    return on.training(
        model,
        Settings(
            epochs=EPOCHS,
            batch_size=16,
            seed=9,
            plateau=optimization.plateau(values),
            data_loss=regularization.loss("multiclass"),
            **rules,
        ),
    )


@pytest.mark.parametrize(
    ("family", "shape", "values"),
    [
        pytest.param("mlp", (6,), RICH, id="mlp"),
        pytest.param("cnn", (8, 8, 1), PICTURES, id="cnn", marks=pytest.mark.slow),
    ],
)
def test_continued_equals_uninterrupted(
    family: str, shape: tuple[int, ...], values: dict[str, Any]
) -> None:
    """To the last bit: weights, optimizer, random state, rules and every metric."""
    on = engine(shape)
    whole = begun(on, family, shape, values)
    epochs = whole.epochs()
    first = [*itertools.islice(epochs, CUT)]
    while whole.ahead:  # one call may train several epochs
        first.append(next(epochs))
    blob = whole.save()
    expected = [*epochs]
    assert expected, "no epoch is left to compare"
    if "l2" in values:  # the value is the data's
        assert all(it.metrics["keras_val_loss"] > it.metrics["val_loss"] for it in expected)
    assert all(it.value == it.metrics["val_loss"] for it in expected)
    continued = begun(on, family, shape, values)
    continued.restore(blob)
    rest = [*continued.epochs(after=len(first))]
    told = [[(it.number, it.value, it.metrics) for it in each] for each in (rest, expected)]
    assert told[0] == told[1]
    assert continued.stopped == whole.stopped == "patience"
    (mine, arrays), (theirs, others) = (checkpoint.unpack(it.save()) for it in (continued, whole))
    assert mine["progress"] == theirs["progress"]
    assert len(arrays) == len(others) > len(whole.model.weights)
    for array, other in zip(arrays, others, strict=True):
        np.testing.assert_array_equal(array, other)


class Read:
    """A number on a device: remembers which threads have asked for it, and so waited."""

    def __init__(self) -> None:
        self.by: set[threading.Thread] = set()

    def __float__(self) -> float:
        self.by.add(threading.current_thread())
        return 1.0


def test_nobody_waits_for_the_device_between_two_batches() -> None:
    """Reading a batch's loss waits until a GPU has computed it; meanwhile no next one is sent."""
    callbacks, loss = keras.callbacks.CallbackList([observers.Watch()]), Read()
    callbacks.on_train_begin()
    callbacks.on_train_batch_end(0, {"loss": loss})
    callbacks.on_train_end()
    assert threading.current_thread() not in loss.by


def test_sparse_rows_are_fed_as_dense_ones() -> None:
    x = scipy.sparse.random(40, 6, 0.3, "csr", np.float32, random_state=1)
    y, order = np.arange(40) % 3, feeding.shuffled(1, 1, 40)
    weights = {0: 2.0}
    both = (Samples(each, y).weighted(weights) for each in (x, x.toarray()))
    sparse, dense = ([*batches.of(samples, order, 16, stream=True)] for samples in both)
    assert [len(targets) for _, targets, _ in dense] == [16, 16, 8]
    for one, other in zip(sparse, dense, strict=True):
        for mine, theirs in zip(one, other, strict=True):
            np.testing.assert_array_equal(mine, theirs)
    np.testing.assert_array_equal(dense[0][2], np.where(dense[0][1] == 0, 2.0, 1.0))


def test_folds_of_ones_own_model_by_two_objectives(studio: Any) -> None:
    study = studio.study(
        OWN,
        study={"trials": 1, "objective": ["validation loss", "latency"]},
        data={"folds": 2},
        training={"epochs": 2},
        space={"width": None, "learning_rate": None},
        search={"first": "none"},
    )
    assert study.config["file"]["training"]["backend"] == backend.name()
    assert studio.finish(study) == [Outcome.COMPLETE]
    (trial,) = records.trials(studio.db, study)
    assert len(trial.attributes["folds"]) == 2 and trial.attributes["objectives"]["latency"] > 0


MINE = """
    import keras
    from keras import ops

    def far(y_true, y_pred):
        hot = ops.one_hot(ops.cast(ops.reshape(y_true, (-1,)), "int32"), 3)
        return ops.mean(ops.square(hot - y_pred), axis=-1)

    class Sure(keras.metrics.Mean):
        def update_state(self, y_true, y_pred, sample_weight=None):
            super().update_state(ops.max(y_pred, axis=-1))

    class Slows(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.norms = []

        def on_train_batch_end(self, batch, logs=None):
            self.last = float(logs["loss"])

        def on_epoch_end(self, epoch, logs=None):
            self.norms.append(float(abs(self.model.get_weights()[0]).sum()))
            self.model.optimizer.learning_rate = 0.1 / (1 + sum(self.norms))
            logs["val_last"] = self.last

    def make():
        return [Slows(), keras.callbacks.EarlyStopping(patience=9, restore_best_weights=True)]
"""


def test_code_of_ones_own_goes_on_from_a_checkpoint(studio: Any) -> None:
    class Asks(Stop):
        """Asks to stop after the second epoch."""

        epochs = 2

        @property
        def asked(self) -> bool:
            self.epochs -= 1
            return self.epochs < 0

    (studio.folder / "mine.py").write_text(textwrap.dedent(MINE))
    mine = {"loss": "mine.py:far", "metrics": ["mine.py:Sure"], "callbacks": "mine.py:make"}
    training = {**mine, "epochs": 4, "checkpoint_every_s": 0}
    told = []
    for name in ("whole", "broken"):
        study = studio.study(study={"name": name, "trials": 1}, training=training)
        if name == "broken":
            objective = studio.worker(study, Asks())
            assert objective.run(objective.context.store.claim()) is Outcome.HANDED_BACK
        assert studio.finish(study) == [Outcome.COMPLETE]
        (trial,) = records.trials(studio.db, study)
        told.append([row["metrics"] for row in records.history(studio.db, trial.trial_id)])
    assert told[0] == told[1] and len(told[0]) == 4
    rates = [epoch["learning_rate"] for epoch in told[0][1:]]  # the first is that of [space]
    assert sorted(rates, reverse=True) == rates and len({*rates}) == 3
    assert {"val_Sure", "val_last"} <= {*told[0][0]}


def test_what_a_backend_says_of_memory_and_of_ones_own_model() -> None:
    errors = {
        "jax": "jax.errors:JaxRuntimeError",
        "torch": "builtins:RuntimeError",
    }
    module, _, name = errors[backend.name()].partition(":")
    kind = getattr(__import__(module, fromlist=[name]), name)
    assert failures.is_out_of_memory(kind("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes."))
    assert not failures.is_out_of_memory(kind("INTERNAL: Blas GEMM launch failed"))
    with (
        pytest.raises(UserCodeError, match="training its model failed: "),
        failures.of_training(own_code=True),
    ):
        keras.ops.matmul(np.ones((2, 3), np.float32), np.ones((2, 3), np.float32))


def test_the_memory_of_trainings_is_counted_and_released() -> None:
    assert backend.on_gpu() == backend.rounds_to_tf32() == (device.gpu() is not None)
    assert memory.spare_bytes() > 0
    memory.release()
