"""Losses and metrics of the user's own: compiled, plain, and by Keras' fit on the same arrays."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from studyhall.search.data import targets
from studyhall.search.training import feeding, own_measures
from studyhall.search.training.compiled.cache import CompiledModels
from studyhall.search.training.engine import Engine, seed_everything
from studyhall.search.training.keras_fit import PlainEpochs
from studyhall.search.training.own_measures import AsGiven
from studyhall.search.training.settings import Settings
from studyhall.search.training.training import Training
from studyhall.spaces.training_forms import Label

TRAIN, VALIDATION, BATCH, EPOCHS = 21, 41, 8, 2  # ragged last batches, also of 32
LABEL = Label('[training] loss: received "mine.py:it"', "a loss")
generator = np.random.default_rng(0)
X = generator.normal(size=(TRAIN + VALIDATION, 5)).astype(np.float32)
CLASSES = np.resize([0, 1, 2, 2, 1], len(X))
VALUES = generator.normal(size=len(X))
# What a user's own arrays may hold.
Y: dict[str, np.ndarray] = {
    "numbers": CLASSES,
    "column of numbers": CLASSES[:, None],
    "labels from 3": CLASSES + 3,
    "one-hot": np.eye(3, dtype=np.int64)[CLASSES],
    "signs": np.where(CLASSES > 1, 1, -1),
    "column of signs": np.where(CLASSES > 1, 1.0, -1.0)[:, None],
    "values": VALUES,
    "column of values": VALUES[:, None],
    "rows of values": np.stack([VALUES, VALUES**2], axis=1),
    "labels of each": np.stack([CLASSES > 0, CLASSES > 1], axis=1).astype(np.int32),
}


def squared(y_true: Any, y_pred: Any) -> Any:
    """Broadcasts (N,) with (N, 1), as many losses do."""
    return ops.mean(ops.square(ops.cast(y_true, "float32") - y_pred), axis=-1)


def worst(y_true: Any, y_pred: Any) -> Any:
    """One number for a batch."""
    wide = y_true if len(y_true.shape) == 2 else ops.reshape(y_true, (-1, 1))
    return ops.max(ops.square(ops.cast(wide, "float32") - y_pred))


class Absolute(keras.losses.Loss):  # type: ignore[misc]
    def call(self, y_true: Any, y_pred: Any) -> Any:
        return ops.mean(ops.abs(y_true - y_pred), axis=-1)


class Largest(keras.metrics.Metric):  # type: ignore[misc]
    def __init__(self, name: str = "largest") -> None:
        super().__init__(name=name)
        self.value = self.add_weight(initializer="zeros")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        most = ops.max(ops.max(ops.cast(y_true, "float32")) * y_pred)
        self.value.assign(ops.maximum(self.value, most))

    def result(self) -> Any:
        return self.value


def squared_of_rows(y_true: Any, y_pred: Any) -> Any:
    """Takes rows, numbers in a column, or bare numbers."""
    rank = len(y_true.shape)
    return squared(y_true if rank == 2 else ops.reshape(y_true, (-1, 1)), y_pred)


LOSSES = {
    "squared": squared_of_rows,
    "worst": worst,
    "Absolute": Absolute(),
    "Keras'": keras.losses.Huber(),
}


def model(outputs: int, loss: Any, metrics: list[Any]) -> keras.Model:
    seed_everything(1)
    layers = [keras.layers.Dense(4, "tanh", kernel_regularizer="l2"), keras.layers.Dense(outputs)]
    made = keras.Sequential([keras.Input((5,)), *layers])
    made.compile(keras.optimizers.SGD(0.01), loss, metrics=metrics)
    return made


def trained(y: np.ndarray, own: Any, engine: str) -> tuple[Training, targets.Coding]:
    """A training as studyhall does it, on coded targets."""
    coding = targets.coding(y)
    given, coded = targets.given(y, coding), coding.apply(y)
    as_given = AsGiven(given.shape, given.dtype, given.table)
    loss = own_measures.loss(own, as_given, "it", LABEL)
    metrics = [own_measures.metric(Largest(), as_given, "most", LABEL)]
    metrics += [own_measures.metric(squared_of_rows, as_given, "mean", LABEL)]
    data = (X[:TRAIN], coded[:TRAIN]), (X[TRAIN:], coded[TRAIN:])
    settings = Settings(epochs=EPOCHS, batch_size=BATCH, data_loss=loss, engine=engine)
    made = model(coding.outputs, loss, metrics)
    training = Engine(*data, models=CompiledModels()).training(made, settings)
    list(training.epochs())
    return training, coding


def by_fit(y: np.ndarray, outputs: int, own: Any) -> list[dict[str, float]]:
    """The logs of Keras' own fit, on targets as they are."""
    found = y.astype(np.float32) if y.dtype.kind == "f" else y
    made = model(outputs, own, [Largest("most")])
    logs = []
    for epoch in range(1, EPOCHS + 1):
        order = feeding.shuffled(0, epoch, TRAIN)
        batches = tf.data.Dataset.from_tensor_slices((X[:TRAIN][order], found[:TRAIN][order]))
        done = made.fit(batches.batch(BATCH), verbose=0, shuffle=False).history
        held = tf.data.Dataset.from_tensor_slices((X[TRAIN:], found[TRAIN:])).batch(32)
        more = made.evaluate(held, verbose=0, return_dict=True)
        logs.append({name: values[0] for name, values in done.items()})
        logs[-1] |= {f"val_{name}": value for name, value in more.items()}
    return logs


CASES = [(form, "squared") for form in Y]
CASES += [("column of signs", "worst"), ("rows of values", "Absolute"), ("values", "Keras'")]


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("form", "loss"), CASES)
def test_compiled_and_plain_measure_what_fit_does(form: str, loss: str) -> None:
    y, own = Y[form], LOSSES[loss]
    compiled, coding = trained(y, own, "auto")
    plain, _ = trained(y, own, "keras")
    assert isinstance(plain._path, PlainEpochs) and not isinstance(compiled._path, PlainEpochs)
    wanted = by_fit(y, coding.outputs, own)
    for mine, theirs, logs in zip(compiled.history, plain.history, wanted, strict=True):
        for name in {*mine.metrics} - {"loss"}:  # without penalties, which change in an epoch
            wanted_here = pytest.approx(theirs.metrics[name], rel=1e-5, abs=1e-6)
            assert mine.metrics[name] == wanted_here, name
        for name in ("most", "val_most"):
            assert mine.metrics[name] == pytest.approx(logs[name], rel=1e-5, abs=1e-6)
        assert mine.metrics["keras_loss"] == pytest.approx(logs["loss"], rel=1e-5)
        assert mine.metrics["keras_val_loss"] == pytest.approx(logs["val_loss"], rel=1e-5)
        assert mine.value == mine.metrics["val_loss"] < mine.metrics["keras_val_loss"]
    best = compiled.best
    assert best is not None
    predicted = np.asarray(compiled.best_model()(X[TRAIN:], training=False))
    if loss == "squared" and y.ndim == 2:
        by_hand = float(np.mean((y[TRAIN:] - predicted) ** 2))
        assert best.value == pytest.approx(by_hand, rel=1e-4)
        assert best.metrics["val_mean"] == pytest.approx(by_hand, rel=1e-4)


def test_a_metric_of_one_number_for_a_batch_is_weighted_by_samples() -> None:
    metric = own_measures.metric(worst, AsGiven(), "worst", LABEL)
    for number, value in ((8, 2.0), (2, 3.0)):
        metric.update_state(np.zeros((number, 1)), np.full((number, 1), value, np.float32))
    assert float(metric.result()) == pytest.approx((8 * 4 + 2 * 9) / 10)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda y, p: None, "returned nothing"),
        (lambda y, p: math.nan * p, "returned NaN for random predictions"),
        (lambda y, p: "word", "returned no numbers"),
        (lambda y, p: 1 / 0, "line .*ZeroDivisionError"),
    ],
)
@pytest.mark.parametrize("kind", [own_measures.loss, own_measures.metric])
def test_what_is_no_number_is_refused(function: Any, said: str, kind: Any) -> None:
    from studyhall.spaces.failures import NamedCodeError

    measure = kind(function, AsGiven(), "it", LABEL)
    with pytest.raises(
        NamedCodeError, match=rf'\[training\] loss: received "mine.py:it" \(.*{said}'
    ):
        own_measures.tried(measure, np.zeros((4, 1), np.float32), np.ones((4, 1), np.float32))
