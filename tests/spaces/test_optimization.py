"""Optimizers and decays, against the guide's formulas, by training real steps."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from studyhall.spaces import hyperparameters, optimization, schedules
from studyhall.spaces.failures import ArchitectureError

OPTIMIZERS = hyperparameters.find("optimizer").words


def make(steps_per_epoch=10, epochs=20, **values):
    return optimization.optimizer(values, steps_per_epoch=steps_per_epoch, epochs=epochs)


def trained_rates(optimizer, steps_per_epoch, epochs):
    """The learning rate of every step that `fit` takes, read off a weight whose gradient is 1."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    model.set_weights([np.zeros((1, 1))])
    weights = [0.0]

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            weights.append(float(model.get_weights()[0][0, 0]))

    model.compile(optimizer, loss=lambda y, prediction: prediction)
    x = np.ones((steps_per_epoch, 1), "float32")
    model.fit(x, x, batch_size=1, epochs=epochs, verbose=0, callbacks=[Watch()])
    return -np.diff(weights).reshape(epochs, steps_per_epoch)


# Decay


def test_inverse_time_is_the_guides_formula_over_optimizer_steps():
    optimizer = make(3, 4, optimizer="sgd", learning_rate=0.1, decay="inverse_time", decay_rate=0.5)
    rates = trained_rates(optimizer, 3, 4).ravel()
    assert rates == pytest.approx(0.1 / (1 + 0.5 * np.arange(12)), rel=1e-4)


def test_step_decay_halves_every_five_epochs():
    optimizer = make(2, 12, optimizer="sgd", learning_rate=0.1, decay="step")
    by_epoch = trained_rates(optimizer, 2, 12)
    expected = 0.1 * 0.5 ** (np.arange(12) // 5)
    assert by_epoch == pytest.approx(np.stack([expected, expected], axis=1), rel=1e-4)


def test_exponential_decay_is_a_tenth_after_eight_epochs():
    optimizer = make(2, 17, optimizer="sgd", learning_rate=0.1, decay="exponential")
    by_epoch = trained_rates(optimizer, 2, 17)
    assert by_epoch[[0, 8, 16], 0] == pytest.approx([0.1, 0.01, 0.001], rel=1e-3)
    ratios = by_epoch.ravel()[1:] / by_epoch.ravel()[:-1]
    assert ratios == pytest.approx(0.1 ** (1 / 16), rel=1e-2)


def test_cosine_decay_falls_to_its_share_at_the_end():
    schedule = make(10, 20, decay="cosine", decay_rate=0.1, learning_rate=1.0)._learning_rate
    rates = [float(schedule(step)) for step in (0, 100, 200, 300)]
    assert rates == pytest.approx([1.0, 0.55, 0.1, 0.1])


def test_cosine_agrees_with_keras():
    ours = make(10, 20, decay="cosine", learning_rate=0.3)._learning_rate
    theirs = keras.optimizers.schedules.CosineDecay(0.3, 200)
    steps = range(0, 220, 7)
    assert [float(ours(s)) for s in steps] == pytest.approx([float(theirs(s)) for s in steps])


def test_a_warm_up_rises_to_the_full_rate_and_decay_starts_after_it():
    common = {"optimizer": "sgd", "learning_rate": 0.1, "warmup_epochs": 2}
    rates = trained_rates(make(2, 5, decay="inverse_time", decay_rate=1.0, **common), 2, 5).ravel()
    rising, falling = 0.1 * np.array([1, 2, 3, 4]) / 4, 0.1 / (1 + np.arange(6))
    assert rates == pytest.approx(np.concatenate([rising, falling]), rel=1e-4)
    flat = trained_rates(make(2, 4, **common), 2, 4).ravel()
    assert flat == pytest.approx(np.concatenate([rising, [0.1] * 4]), rel=1e-4)


def test_without_decay_the_learning_rate_is_a_plain_number():
    for decay in ("none", "plateau"):
        assert float(make(decay=decay, learning_rate=0.25).learning_rate) == 0.25
        assert not isinstance(make(decay=decay)._learning_rate, schedules.WarmUp)


@pytest.mark.parametrize("decay", ["inverse_time", "step", "exponential", "cosine"])
def test_schedules_survive_saving(decay):
    optimizer = make(decay=decay, warmup_epochs=1, learning_rate=0.5)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert again.get_config() == optimizer.get_config()
    for step in (0, 5, 60):
        assert float(again._learning_rate(step)) == float(optimizer._learning_rate(step))


@pytest.mark.parametrize("decay", ["inverse_time", "step", "exponential", "cosine"])
def test_the_numbers_of_a_schedule_may_be_variables_of_a_compiled_function(decay):
    one = make(decay=decay, warmup_epochs=1, learning_rate=0.5)._learning_rate
    other = make(decay=decay, decay_rate=0.7, learning_rate=0.2)._learning_rate
    variables = {name: tf.Variable(float(number)) for name, number in one.get_config().items()}
    shared = make(decay=decay)._learning_rate
    for name, variable in variables.items():
        setattr(shared, name, variable)
    compiled = tf.function(shared)
    for schedule in (one, other):
        for name, number in schedule.get_config().items():
            variables[name].assign(float(number))
        for step in (0, 7, 25, 190):
            assert float(compiled(tf.constant(step))) == pytest.approx(float(schedule(step)))
    assert compiled.experimental_get_tracing_count() == 1


# Plateau


def test_plateau_has_keras_defaults_but_a_patience_below_early_stoppings():
    plateau = optimization.plateau({"decay": "plateau"})
    keras_own = keras.callbacks.ReduceLROnPlateau()
    assert (plateau.factor, plateau.patience) == (keras_own.factor, 5)
    assert (plateau.min_delta, plateau.min_learning_rate) == (keras_own.min_delta, keras_own.min_lr)


def test_plateau_takes_the_decays_numbers():
    values = {"decay": "plateau", "decay_rate": 0.5, "decay_epochs": 3}
    assert optimization.plateau(values) == optimization.Plateau(factor=0.5, patience=3)
    assert optimization.plateau({"decay": "step", "decay_rate": 0.5}) is None


def test_plateau_has_no_warm_up():
    with pytest.raises(ArchitectureError, match=r"plateau.*no warm-up"):
        optimization.plateau({"decay": "plateau", "warmup_epochs": 2})


# Optimizers


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_learns(name):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 3)).astype("float32")
    y = x @ np.array([[1.0], [-2.0], [0.5]], "float32")
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    rate = {"adadelta": 30.0, "adagrad": 0.5}.get(name, 0.05)
    model.compile(make(optimizer=name, learning_rate=rate), "mse")
    losses = model.fit(x, y, batch_size=16, epochs=15, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize(
    ("values", "kind", "numbers"),
    [
        ({"optimizer": "sgd"}, "SGD", {"momentum": 0.0, "nesterov": False}),
        ({"optimizer": "sgd", "momentum": 0.5}, "SGD", {"momentum": 0.5, "nesterov": False}),
        ({"optimizer": "momentum"}, "SGD", {"momentum": 0.9, "nesterov": False}),
        ({"optimizer": "nesterov", "momentum": 0.3}, "SGD", {"momentum": 0.3, "nesterov": True}),
        ({"optimizer": "rmsprop"}, "RMSprop", {"momentum": 0.0}),
        ({"optimizer": "rmsprop", "momentum": 0.4}, "RMSprop", {"momentum": 0.4, "epsilon": 1e-7}),
        ({"optimizer": "rmsprop", "epsilon": 1e-14}, "RMSprop", {"epsilon": 1e-14}),
        ({"optimizer": "adadelta"}, "Adadelta", {"epsilon": 1e-7}),
        ({}, "Adam", {"beta_1": 0.9, "beta_2": 0.999, "weight_decay": None}),
        ({"optimizer": "adam", "momentum": 0.4, "beta_1": 0.8}, "Adam", {"beta_1": 0.8}),
        ({"optimizer": "adamw", "beta_2": 0.99}, "AdamW", {"beta_2": 0.99, "weight_decay": 0.004}),
        ({"optimizer": "adamw", "weight_decay": 0.1}, "AdamW", {"weight_decay": 0.1}),
        ({"clip_norm": 0.0}, "Adam", {"global_clipnorm": None}),
        ({"clip_norm": 2}, "Adam", {"global_clipnorm": 2.0}),
        ({"learning_rate": 1}, "Adam", {"learning_rate": 1.0}),
    ],
)
def test_optimizers_take_their_own_numbers(values, kind, numbers):
    optimizer = make(**values)
    assert type(optimizer).__name__ == kind
    assert {name: optimizer.get_config()[name] for name in numbers} == numbers


def test_momentum_is_the_slides_formula():
    optimizer = make(optimizer="momentum", momentum=0.5, learning_rate=0.1)
    steps = trained_rates(optimizer, 3, 1).ravel()
    assert steps == pytest.approx([0.1, 0.1 + 0.05, 0.1 + 0.05 + 0.025], rel=1e-5)


def test_clipping_bounds_the_norm_of_all_gradients_together():
    optimizer = make(optimizer="sgd", learning_rate=1.0, clip_norm=1.0)
    variables = [keras.Variable([0.0]), keras.Variable([0.0])]
    optimizer.apply([tf.constant([3.0]), tf.constant([4.0])], variables)
    moved = [float(variable.numpy()[0]) for variable in variables]
    assert moved == pytest.approx([-0.6, -0.8])


# Batch size


@pytest.mark.parametrize(("size", "steps"), [(32, 32), ("all", 500), (1024, 500)])
def test_batch_size(size, steps):
    assert optimization.batch_size({"batch_size": size}, 500) == steps


def test_batch_size_defaults_to_32():
    assert optimization.batch_size({}, 500) == 32
