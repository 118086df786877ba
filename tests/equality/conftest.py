"""The compiled path against Keras' own `fit`, for whatever can be built."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from studyhall.search.training import feeding
from studyhall.search.training.compiled.cache import CompiledModels
from studyhall.search.training.engine import Engine, seed_everything
from studyhall.search.training.settings import Settings
from studyhall.search.training.training import Training

Part = tuple[Any, Any]
TRAIN, BATCH, EPOCHS = 12, 8, 2  # the last batch of an epoch is ragged
TRIALS = 3  # the second and third may use again what the first has compiled


class Keeper(keras.callbacks.Callback):  # type: ignore[misc]
    """The weights after each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.weights: list[list[np.ndarray]] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.weights.append(self.model.get_weights())


class Comparison:
    """Trains the same models both ways, trial after trial.

    Args:
        build: The compiled model of a trial; called once for each way, after seeding.
        x: Samples, more than TRAIN: (N, …), or a tree of arrays.
        y: Targets, likewise.
        weights: Of the samples in the loss, likewise.
        eager: Whether the reference runs without tracing, which is quicker for tiny models.
    """

    def __init__(
        self,
        build: Callable[[int], keras.Model],
        x: Any,
        y: Any,
        weights: Any = None,
        *,
        eager: bool = True,
    ) -> None:
        self.build, self.eager = build, eager
        whole = (x, y) if weights is None else (x, y, weights)
        self.train, self.validation = rows(whole, slice(TRAIN)), rows(whole, slice(TRAIN, None))
        self.engine = Engine(self.train, self.validation, models=CompiledModels())
        self.batch, self.validation_batch, self.tolerance = BATCH, 32, 1e-5
        self.most = math.inf  # of a loss: beyond it, rounding alone grows without bounds

    def run(self, trials: int = TRIALS) -> Training:
        """Assert that losses and predictions of every trial are equal; the last training."""
        for trial in range(trials):
            settings = Settings(epochs=EPOCHS, batch_size=self.batch, seed=trial)
            training = self.engine.training(self.built(trial), settings)
            list(training.epochs())
            self._compare(trial, settings, training)
        return training

    def built(self, trial: int) -> keras.Model:
        """The model of a trial, as a worker builds it."""
        seed_everything(trial)
        return self.build(trial)

    def _compare(self, trial: int, settings: Settings, training: Training) -> None:
        model, kept = self.built(trial), Keeper()
        logs = self._fit(model, settings, kept)
        for epoch, log in zip(training.history, logs, strict=True):
            if not log["loss"] < self.most:
                return
            for name, value in log.items():
                recorded = epoch.metrics[
                    {"loss": "keras_loss", "val_loss": "keras_val_loss"}.get(name, name)
                ]
                wanted = pytest.approx(
                    float(np.mean(value)), rel=self.tolerance, abs=1e-6, nan_ok=True
                )
                assert recorded == wanted, f"trial {trial}, epoch {epoch.number}: {name}"
        if training.best is not None:
            model.set_weights(kept.weights[training.best.number - 1])
            x = rows(self.validation[0], slice(self.validation_batch))
            x = keras.tree.map_structure(tf.constant, x)
            theirs = keras.tree.flatten(model(x, training=False))
            mine = keras.tree.flatten(training.best_model()(x, training=False))
            loose = 10 * self.tolerance
            for one, other in zip(mine, theirs, strict=True):
                np.testing.assert_allclose(one, other, rtol=loose, atol=loose)

    def _fit(self, model: keras.Model, settings: Settings, kept: Keeper) -> list[dict[str, float]]:
        seeds = range(1, settings.epochs + 1)
        order = np.concatenate([feeding.shuffled(settings.seed, n, TRAIN) for n in seeds])
        steps = math.ceil(TRAIN / self.batch)
        epochs = tf.data.Dataset.from_tensor_slices(tuples(rows(self.train, order)))
        model.run_eagerly = self.eager
        history = model.fit(
            epochs.window(TRAIN).flat_map(
                lambda *parts: tf.data.Dataset.zip(parts).batch(self.batch)
            ),
            steps_per_epoch=steps,
            epochs=settings.epochs,
            validation_data=tf.data.Dataset.from_tensor_slices(tuples(self.validation)).batch(
                self.validation_batch
            ),
            shuffle=False,
            verbose=0,
            callbacks=[kept],
        ).history
        return [dict(zip(history, row, strict=True)) for row in zip(*history.values(), strict=True)]


def rows(tree: Any, chosen: Any) -> Any:
    """Some rows of each array in a tree."""
    return keras.tree.map_structure(lambda leaf: leaf[chosen], tree)


def tuples(tree: Any) -> Any:
    """The tree as a data set takes it, which takes a list for an array."""
    return keras.tree.lists_to_tuples(tree)


@pytest.fixture
def comparison() -> type[Comparison]:
    """`Comparison`, for tests to make one."""
    return Comparison
