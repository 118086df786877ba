"""The observers of an epoch that `fit` trains."""

import time

import keras
import numpy as np
import pytest

from studyhall.search.training.observers import Watch

SLOW_S = 0.2


class Slowly(keras.layers.Layer):
    """A layer that takes its time whenever it is traced."""

    def call(self, x, training=False):
        if training:
            time.sleep(SLOW_S)
        return x


@pytest.mark.parametrize("samples", [3, 9])
def test_seconds_of_the_first_batch_and_of_the_validation(samples):
    model = keras.Sequential([keras.Input((2,)), Slowly(), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x, watch = np.ones((samples, 2), np.float32), Watch()
    began = time.perf_counter()
    model.fit(
        x, x[:, :1], batch_size=3, validation_data=(x, x[:, :1]), callbacks=[watch], verbose=0
    )
    wall = time.perf_counter() - began
    assert SLOW_S < watch.first_batch_s < wall - watch.validation_s
    assert watch.validation_s > 0 and {"loss", "val_loss"} <= {*watch.logs}
