"""Sparse samples train as dense ones do."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import scipy.sparse

from studyhall.search.training.engine import Engine, seed_everything
from studyhall.search.training.settings import Settings
from studyhall.search.training.training import Training

pytestmark = pytest.mark.part(2)

FEATURES = 30


def samples(binary: bool) -> list[tuple[np.ndarray, np.ndarray]]:
    generator = np.random.default_rng(0)
    x = generator.random((90, FEATURES)) < 0.2
    y = (x[:, :4].sum(axis=1) > 0).astype(np.int32)
    x = x.astype(np.float32) * (1.0 if binary else generator.random(x.shape, np.float32))
    x[7] = 0.0  # a sample without any entry
    return [(x[:60], y[:60]), (x[60:], y[60:])]


def sparse(parts: list[tuple[np.ndarray, np.ndarray]]) -> list[tuple[Any, np.ndarray]]:
    return [(scipy.sparse.csr_matrix(x), y) for x, y in parts]


def trained(engine: Engine, *first: keras.layers.Layer, how: str = "auto") -> Training:
    seed_everything(5)
    hidden = keras.layers.Dense(6, activation="relu", kernel_regularizer="l1l2")
    model = keras.Sequential([keras.Input((FEATURES,)), *first, hidden])
    model.add(keras.layers.Dense(1, activation="sigmoid"))
    model.compile("rmsprop", "binary_crossentropy", metrics=["accuracy"])
    training = engine.training(model, Settings(epochs=3, batch_size=16, engine=how))
    list(training.epochs())
    return training


@pytest.mark.sampled(2)
@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("how", ["auto", "keras"])
def test_sparse_samples_train_as_dense_ones(binary: bool, how: str) -> None:
    parts = samples(binary)
    training, dense = (trained(Engine(*it), how=how) for it in (sparse(parts), parts))
    for mine, theirs in zip(training.history, dense.history, strict=True):
        assert mine.metrics == pytest.approx(theirs.metrics, rel=1e-5)


def test_layers_that_need_dense_samples_get_them() -> None:
    parts = samples(binary=True)
    for made in (keras.layers.BatchNormalization, lambda: keras.layers.Dropout(0.3, seed=3)):
        training, dense = (trained(Engine(*it), made()) for it in (sparse(parts), parts))
        for mine, theirs in zip(training.history, dense.history, strict=True):
            assert mine.metrics == pytest.approx(theirs.metrics, rel=1e-5)


def test_the_best_model_takes_dense_samples() -> None:
    parts = samples(binary=True)
    training = trained(Engine(*sparse(parts)))
    loss = training.best_model().evaluate(*parts[1], verbose=0)[0]
    assert training.best
    assert loss == pytest.approx(training.best.metrics["keras_val_loss"], rel=1e-5)
