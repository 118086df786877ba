"""The tolerance between two values: rounding passes, near 0 too, and another model does not."""

import keras
import numpy as np
import pytest

from studyhall.search.evaluation import tolerance

RNG = np.random.default_rng(0)
Y = np.arange(200) % 3
SURE = np.eye(3, dtype=np.float32)[Y]


def crossentropy(predictions):
    loss = keras.losses.sparse_categorical_crossentropy(Y, predictions)
    return float(keras.ops.mean(loss))


def accuracy(predictions):
    return float((predictions.argmax(axis=-1) == Y).mean())


class Model:
    """Answers with predictions, two batches of them."""

    def __init__(self, predictions):
        self.answers = iter(np.array_split(predictions, 2))

    def __call__(self, _, training=False):
        return next(self.answers)


def allowed(predictions, value, precision="float32", **more):
    def asked(model):
        return value(np.concatenate([np.asarray(model(None)) for _ in range(2)]))

    about = tolerance.OF[precision], value(predictions), Model(predictions), asked
    found, difference = tolerance.measured(*about, **more)
    assert found == value(predictions) or np.isnan(found)
    return difference


def test_a_loss_near_0_is_as_uncertain_as_its_probabilities():
    assert crossentropy(SURE) < 1e-6
    assert 1e-7 < allowed(SURE, crossentropy) < 1e-5


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_a_loss_in_any_unit(unit):
    targets = (unit * RNG.normal(size=(100, 1))).astype(np.float32)
    predictions = targets + np.float32(1e-3 * unit)

    def error(each):
        return float(np.mean((each - targets) ** 2))

    assert 1e-4 < allowed(predictions, error) / error(predictions) < 1e-1


def test_an_accuracy_changes_with_samples_at_the_edge_alone():
    clear = 0.8 * SURE + np.float32(0.1)
    assert allowed(clear, accuracy, "mixed_bfloat16", is_loss=False) < 1e-3
    edge = clear.copy()
    edge[0, :2] = 0.5
    assert allowed(edge, accuracy, is_loss=False) > 1 / 400


def test_shorter_numbers_are_less_certain():
    exact, half, brain = (
        allowed(0.8 * SURE + np.float32(0.1), crossentropy, each)
        for each in ("float32", "mixed_float16", "mixed_bfloat16")
    )
    assert exact < half < brain < 0.1


def test_values_that_are_no_numbers_leave_the_share():
    rounding = tolerance.OF["float32"]
    _, found = tolerance.measured(rounding, 2.0, Model(SURE), lambda _: float("nan"))
    assert found == pytest.approx(2e-4)
