"""The loss of guessing is what the best constant answer gets by Keras' own losses."""

import keras
import numpy as np
import pytest

from studyhall.search.data import baseline
from studyhall.search.study_file import losses

RNG = np.random.default_rng(0)
TARGETS = {
    "binary": (RNG.random(500) < 0.2).astype(np.int32),
    "multiclass": RNG.choice(3, 500, p=[0.6, 0.3, 0.1]).astype(np.int32),
    "multilabel": (RNG.random((500, 2)) < [0.1, 0.5]).astype(np.float32),
    "regression": RNG.normal(3, 2, 500).astype(np.float32),
}
CASES = [(task, loss) for loss, tasks in losses.LOSSES.items() for task in tasks]


def answer(task: str, loss: str) -> np.ndarray:
    """The constant answer: shares of the classes, or the middle of the numbers."""
    y = TARGETS[task]
    if task == "multiclass":
        return np.tile(np.bincount(y) / len(y), (len(y), 1))
    middle = np.median(y, axis=0) if loss == "mean_absolute_error" else y.mean(axis=0)
    return np.tile(np.atleast_1d(middle), (len(y), 1))


@pytest.mark.parametrize(("task", "loss"), CASES)
def test_it_is_the_loss_of_a_constant_answer(task: str, loss: str) -> None:
    y = TARGETS[task]
    targets = y if y.ndim == 2 or task == "multiclass" else y[:, None]
    if loss == "categorical_crossentropy":
        targets = np.eye(3)[y]
    expected = float(np.mean(keras.losses.get(loss)(targets, answer(task, loss).astype("f4"))))
    assert baseline.guess_loss(task, y, loss) == pytest.approx(expected, rel=1e-4)


def test_auto_is_what_the_study_trains_with() -> None:
    for task, loss in {"binary": "binary_crossentropy", "regression": "mean_squared_error"}.items():
        y = TARGETS[task]
        assert baseline.guess_loss(task, y) == baseline.guess_loss(task, y, loss)
