"""The rules of stopping and plateaus, against the Keras callbacks that they follow."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from studyhall.search.training import progress
from studyhall.search.training.settings import Settings
from studyhall.spaces.optimization import Plateau


def values(seed: int) -> np.ndarray:
    """A loss that falls, lingers and rises."""
    generator = np.random.default_rng(seed)
    return np.abs(generator.normal(0.02, 0.1, 40).cumsum() - 1).astype(np.float32)


def followed(settings: Settings, values: np.ndarray, rate: float) -> list[tuple[Any, ...]]:
    """Epoch, whether it is the best, and the next rate, until the rules stop the training.

    TensorFlow, by which compiled epochs follow them, must agree with NumPy to the bit.
    """
    tensors, rules = progress.tensorflow(), progress.rules(settings)
    state, theirs = progress.start(), tf.constant(progress.start())
    rows, learning_rate, their_rate = [], np.float32(rate), tf.constant(rate, tf.float32)
    for value in values:
        state, best, learning_rate = progress.advance(
            state, rules, np.float64(value), learning_rate
        )
        given = tf.constant(float(value), tf.float64)
        theirs, their_best, their_rate = progress.advance(theirs, rules, given, their_rate, tensors)
        np.testing.assert_array_equal(state, theirs.numpy())
        assert (bool(best), learning_rate) == (bool(their_best), their_rate.numpy())
        named = progress.RulesState(*state)
        rows.append((int(named.epoch), bool(best), float(learning_rate), named))
        if named.stopped != progress.RUNNING:
            break
    return rows


def with_callback(callback: keras.callbacks.Callback, values: np.ndarray, rate: float) -> list[Any]:
    """The learning rate after each epoch, until the callback stops the training."""
    optimizer = keras.optimizers.SGD(rate)
    callback.set_model(SimpleNamespace(optimizer=optimizer, stop_training=False, metrics=[]))
    callback.on_train_begin()
    rates = []
    for epoch, value in enumerate(values):
        callback.on_epoch_end(epoch, {"val_loss": float(value)})
        rates.append(float(keras.ops.convert_to_numpy(optimizer.learning_rate)))
        if callback.model.stop_training:
            break
    return rates


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("patience", "min_delta"), [(0, 0.0), (1, 0.05), (3, 0.0), (4, 0.2)])
def test_patience_is_that_of_early_stopping(seed: int, patience: int, min_delta: float) -> None:
    settings = Settings(epochs=40, batch_size=1, patience=patience, min_delta=min_delta)
    stopping = keras.callbacks.EarlyStopping(patience=patience, min_delta=min_delta)
    theirs = with_callback(stopping, values(seed), 0.1)
    assert len(followed(settings, values(seed), 0.1)) == len(theirs)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("patience", "floor"), [(1, 0.0), (2, 0.002), (3, 0.09)])
def test_plateaus_are_those_of_keras(seed: int, patience: int, floor: float) -> None:
    plateau = Plateau(factor=0.3, patience=patience, min_delta=0.01, min_learning_rate=floor)
    settings = Settings(epochs=40, batch_size=1, plateau=plateau)
    lowering = keras.callbacks.ReduceLROnPlateau(
        factor=0.3, patience=patience, min_delta=0.01, min_lr=floor
    )
    theirs = with_callback(lowering, values(seed), 0.1)
    assert [rate for _, _, rate, _ in followed(settings, values(seed), 0.1)] == theirs


def test_the_best_epoch_is_the_lowest_value_however_small_the_gain() -> None:
    settings = Settings(epochs=9, batch_size=1, patience=2, min_delta=0.5)
    rows = followed(settings, np.array([1.0, 0.9, 0.95, 0.8]), 0.1)
    assert [best for _, best, _, _ in rows] == [True, True, False]
    assert rows[-1][-1].best_epoch == 2
    assert progress.STOPPED[rows[-1][-1].stopped] == "patience"


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_number_ends_it_and_is_never_the_best(value: float) -> None:
    rows = followed(Settings(epochs=9, batch_size=1), np.array([2.0, value, 1.0]), 0.1)
    assert [best for _, best, _, _ in rows] == [True, False]
    assert rows[-1][-1].best == 2.0
    assert progress.STOPPED[rows[-1][-1].stopped] == "diverged"
