"""The state of a user's own training goes through bytes and back."""

import keras
import numpy as np
import pytest

from studyhall.search.scripts import training_state
from studyhall.search.training.checkpoint import CheckpointError

X = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
Y = X.sum(1, keepdims=True)


def model(units=4):
    made = keras.Sequential([keras.Input((3,)), keras.layers.Dense(units), keras.layers.Dense(1)])
    made.compile(keras.optimizers.Adam(0.05), "mse")
    return made


def fitted(made, epochs, callbacks=(), **more):
    given = {"verbose": 0, "shuffle": False, "validation_data": (X, Y)}
    return made.fit(X, Y, epochs=epochs, callbacks=[*callbacks], **given, **more).history


def test_a_training_goes_on_to_the_last_bit():
    keras.utils.set_random_seed(1)
    whole = model()
    whole_history = fitted(whole, 4)
    keras.utils.set_random_seed(1)
    first = model()
    fitted(first, 2)
    blob = training_state.write(first, [], (), {"part": 0})

    second = model()
    best, about = training_state.restore(blob, second, ())
    history = fitted(second, 4, initial_epoch=2)

    assert best == [] and about == training_state.about(blob) and about["part"] == 0
    assert history["val_loss"] == whole_history["val_loss"][2:]
    for ours, theirs in zip(second.get_weights(), whole.get_weights(), strict=True):
        assert np.array_equal(ours, theirs)


def test_the_memory_of_keras_own_callbacks_goes_with_it():
    stops = keras.callbacks.EarlyStopping(patience=9, restore_best_weights=True)
    plateau = keras.callbacks.ReduceLROnPlateau(patience=5)
    made = model()
    fitted(made, 3, (stops, plateau))
    stops.wait, plateau.wait = 2, 4
    blob = training_state.write(made, training_state.values(made), (stops, plateau), {})

    others = (
        keras.callbacks.EarlyStopping(patience=9),
        keras.callbacks.ReduceLROnPlateau(patience=5),
    )
    best, _ = training_state.restore(blob, model(), others)

    assert (others[0].wait, others[1].wait) == (2, 4)
    assert others[0].best == stops.best and others[1].best == plateau.best
    for ours, theirs in zip(others[0].best_weights, stops.best_weights, strict=True):
        assert np.array_equal(ours, theirs)
    assert len(best) == len(made.variables)


@pytest.mark.parametrize("change", ["model", "callbacks", "bytes"])
def test_a_state_that_does_not_fit_is_refused(change):
    made = model()
    blob = training_state.write(made, [], (), {})
    if change == "bytes":
        blob = blob[:-1] + bytes([blob[-1] ^ 1])
    other = model(5) if change == "model" else model()
    callbacks = [keras.callbacks.EarlyStopping()] if change == "callbacks" else []
    with pytest.raises(CheckpointError):
        training_state.restore(blob, other, callbacks)
