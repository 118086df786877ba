"""Epochs through XLA are the same epochs."""

from __future__ import annotations

import logging
from typing import Any

import keras
import numpy as np
import pytest

from studyhall.search.training.compiled import xla
from studyhall.search.training.engine import Engine, seed_everything
from studyhall.search.training.epoch import Epoch
from studyhall.search.training.settings import Settings


@pytest.fixture(scope="module")
def engine() -> Engine:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(70, 5)).astype(np.float32)
    y = (x.sum(axis=1) > 0).astype(np.int32)
    return Engine((x[:43], y[:43]), (x[43:], y[43:]))


def trained(engine: Engine, how: str, *extra: keras.layers.Layer, **others: Any) -> list[Epoch]:
    seed_everything(5)
    hidden = keras.layers.Dense(4, activation="relu", kernel_regularizer="l2")
    model = keras.Sequential([keras.Input((5,)), hidden, *extra])
    model.add(keras.layers.Dense(2, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    settings = Settings(batch_size=16, xla=how == "on", **{"epochs": xla.AT_ONCE + 3, **others})
    return list(engine.training(model, settings).epochs())


@pytest.mark.slow
def test_epochs_are_the_same(engine: Engine) -> None:
    for others in ({}, {"patience": 1, "min_delta": 1.0}):
        fused, usual = (trained(engine, how, **others) for how in ("on", "off"))
        for mine, theirs in zip(fused, usual, strict=True):
            assert mine.metrics == pytest.approx(theirs.metrics, rel=1e-5)


@pytest.mark.slow
def test_what_xla_cannot_compile_trains_without_it(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    class Told(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            import tensorflow as tf

            return tf.ensure_shape(tf.py_function(lambda it: it * 2, [x], x.dtype), x.shape)

        def compute_output_shape(self, input_shape: Any) -> Any:
            return input_shape

    with caplog.at_level(logging.INFO, "studyhall"):
        fused, usual = (trained(engine, how, Told(), epochs=2) for how in ("on", "off"))
    assert [epoch.value for epoch in fused] == [epoch.value for epoch in usual]
    assert any("XLA can't compile this model" in record.message for record in caplog.records)
