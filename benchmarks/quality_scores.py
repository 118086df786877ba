"""The loss and the accuracy of a contestant's winner on the test set, the same for all."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

from studyhall.search.data.loading import Data
from studyhall.search.study_file.losses import REGRESSION
from studyhall.search.trial import exporting

BATCH = 1024  # samples per prediction


def predicted(model: Any, x: Any) -> NDArray[np.float64]:
    """Return a Keras model's outputs for samples that are prepared for it: (N, outputs)."""
    starts = range(0, x.shape[0], BATCH)
    rows = [model(exporting.dense(x[at : at + BATCH]), training=False) for at in starts]
    return np.concatenate([np.asarray(row, np.float64) for row in rows])


def of_test(data: Data, outputs: NDArray[np.float64]) -> dict[str, float]:
    """Return `loss` (crossentropy, or mean squared error) and `accuracy` (or `mae`)."""
    y = data.test.y
    if data.task == REGRESSION:
        outputs = outputs.reshape(y.shape)
        return {
            "loss": float(metrics.mean_squared_error(y, outputs)),
            "mae": float(metrics.mean_absolute_error(y, outputs)),
        }
    shares = outputs if outputs.shape[1] > 1 else np.hstack([1 - outputs, outputs])
    shares = np.clip(shares, 1e-7, 1)
    shares = shares / shares.sum(axis=1, keepdims=True)
    return {
        "loss": float(metrics.log_loss(y, shares, labels=range(shares.shape[1]))),
        "accuracy": float(np.mean(shares.argmax(axis=1) == y)),
    }
