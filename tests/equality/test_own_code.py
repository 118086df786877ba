"""Models as users write them: their own classes, state that is no variable, what they freeze."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from scipy import sparse

from studyhall.search.training.compiled import copy_check
from studyhall.search.training.compiled.cache import CompiledModels
from studyhall.search.training.compiled.unshared import Unshared
from studyhall.search.training.engine import Engine, seed_everything
from studyhall.search.training.keras_fit import PlainEpochs
from studyhall.search.training.settings import Settings
from studyhall.search.training.training import Training

pytestmark = pytest.mark.part(5)

layers = keras.layers
SAMPLES, FEATURES = 32, 6
X = np.random.default_rng(0).random((SAMPLES, FEATURES)).astype(np.float32)
Y = np.random.default_rng(9).normal(size=(SAMPLES, 1)).astype(np.float32)
NUMBERS = {"factor": 1.0}  # a global that a user's code reads


class Scale(layers.Layer):  # type: ignore[misc]
    """Its factor may be changed after it was made."""

    def __init__(self, factor: float = 2.0, **more: Any) -> None:
        super().__init__(**more)
        self.factor = factor

    def call(self, x: Any) -> Any:
        return x * self.factor


class ScaledByGlobal(layers.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return x * NUMBERS["factor"]


class Held(layers.Layer):  # type: ignore[misc]
    """Computes with an array that no configuration holds."""

    def __init__(self, array: Any) -> None:
        super().__init__()
        self.array = array

    def call(self, x: Any) -> Any:
        return x + ops.convert_to_tensor(self.array)


class Losing(layers.Layer):  # type: ignore[misc]
    """Adds a loss, and measures something."""

    def __init__(self, by: float) -> None:
        super().__init__()
        self.by, self.mean = by, keras.metrics.Mean(name="mean")

    def call(self, x: Any) -> Any:
        self.add_loss(self.by * ops.mean(ops.square(x)))
        self.mean.update_state(ops.mean(x))
        return x


class Noise(layers.Layer):  # type: ignore[misc]
    """Draws from Keras' global seeds."""

    def call(self, x: Any, training: bool = False) -> Any:
        return x + keras.random.normal(ops.shape(x)) * 0.1 if training else x


class Dice(layers.Layer):  # type: ignore[misc]
    """Draws by Python, which happens only while it is traced."""

    def call(self, x: Any) -> Any:
        return x * random.random()


class Counting(layers.Layer):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def call(self, x: Any) -> Any:
        self.calls += 1
        return x / (1 + self.calls)


class Running(layers.Layer):  # type: ignore[misc]
    """Keeps a mean of its own, and shifts by it."""

    def build(self, shape: Any) -> None:
        self.mean = self.add_weight(shape=(shape[-1],), trainable=False)

    def call(self, x: Any, training: bool = False) -> Any:
        if training:
            self.mean.assign(0.9 * self.mean + 0.1 * ops.mean(x, axis=0))
        return x - self.mean


class Orthogonal(keras.regularizers.Regularizer):  # type: ignore[misc]
    def __init__(self, by: float) -> None:
        self.by = by

    def __call__(self, w: Any) -> Any:
        return self.by * ops.sum(ops.square(ops.matmul(ops.transpose(w), w)))


class Halved(keras.constraints.Constraint):  # type: ignore[misc]
    def __init__(self, most: float) -> None:
        self.most = most

    def __call__(self, w: Any) -> Any:
        return ops.clip(w, -self.most, self.most)


def changed(n: int) -> Any:
    layer = Scale()
    layer.factor = 1.0 + n
    return layer


def by_global(n: int) -> Any:
    NUMBERS["factor"] = 1.0 + n
    return ScaledByGlobal()


def half_frozen(n: int) -> Callable[[Any], Any]:
    def call(x: Any) -> Any:
        layer = layers.Dense(4)
        y = layer(x)
        layer.kernel.trainable = n == 1
        return y

    return call


def nested(n: int) -> Any:
    inner = keras.Sequential(
        [keras.Input((FEATURES,)), layers.Dense(4), layers.BatchNormalization()]
    )
    inner.trainable = n != 1
    return inner


def shared(n: int) -> Callable[[Any], Any]:
    layer = layers.Dense(FEATURES, activation="tanh")
    return lambda x: layer(layer(x)) + layers.Dropout(0.1 * n)(layer(x))


def low_rank(n: int) -> Callable[[Any], Any]:
    def call(x: Any) -> Any:
        layer = layers.Dense(4)
        y = layer(x)
        layer.enable_lora(1 + n % 2)
        return y

    return call


def quantized(n: int) -> Callable[[Any], Any]:
    def call(x: Any) -> Any:
        layer = layers.Dense(4)
        y = layer(x)
        if n != 1:
            layer.quantize("int8")
        return y

    return call


def patched(n: int) -> Any:
    layer = layers.Dense(4)
    dense = layer.call
    if n == 1:
        layer.call = lambda x, training=None: 2 * dense(x)
    return layer


def renormalized(n: int) -> Any:
    layer = layers.Normalization()
    layer.adapt(X * (n + 1) + n)
    return layer


def factored(n: int) -> Any:
    return layers.Lambda(lambda x: x * (n + 1.0))


OWN: dict[str, Callable[[int], Any]] = {
    "its own argument": lambda n: Scale(1.0 + n),
    "changed after it was made": changed,
    "a global": by_global,
    "an array": lambda n: Held(np.full(FEATURES, n, np.float32)),
    "losses and metrics": lambda n: Losing(0.1 * n),
    "unseeded noise": lambda n: Noise(),
    "a running mean": lambda n: Running(),
    "own regularizer": lambda n: layers.Dense(4, kernel_regularizer=Orthogonal(0.01 * n)),
    "own constraint": lambda n: layers.Dense(4, kernel_constraint=Halved(0.1 + 0.1 * n)),
    "own activation": lambda n: layers.Dense(4, activation=lambda x: ops.tanh(x) * (n + 1)),
    "own initializer": lambda n: layers.Dense(
        4, kernel_initializer=lambda s, dtype: ops.ones(s) * n
    ),
    "one variable frozen": half_frozen,
    "a nested model frozen": nested,
    "one layer three times": shared,
    "low-rank adaptation": low_rank,
    "quantized": quantized,
    "a call of its own": patched,
    "adapted": renormalized,
    "a closure": factored,
    "operations": lambda n: lambda x: ops.concatenate([x * (n + 1.0), ops.exp(x)], axis=-1) + 0.5,
    "constants": lambda n: lambda x: x + np.full((1, FEATURES), n, np.float32),
    "half precision": lambda n: layers.Dense(4, dtype="mixed_float16" if n == 1 else "float32"),
    "double precision": lambda n: layers.Dense(4, dtype="float64" if n == 1 else "float32"),
}


def model_of(make: Callable[[int], Any], n: int, **compiling: Any) -> keras.Model:
    inputs = keras.Input((FEATURES,))
    model = keras.Model(inputs, layers.Dense(1)(make(n)(inputs)))
    model.compile(keras.optimizers.SGD(0.01, momentum=0.5), **{"loss": "mse", **compiling})
    return model


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", OWN)
def test_a_model_trains_as_by_fit(comparison: Any, name: str) -> None:
    both = comparison(lambda n: model_of(OWN[name], n), X, Y)
    both.tolerance = 1e-3 if name == "half precision" else both.tolerance
    both.run()


@pytest.mark.parametrize("layer", [Dice, Counting])
def test_what_depends_on_how_often_it_is_traced_is_left_to_fit(comparison: Any, layer: Any) -> None:
    both, state = comparison(lambda n: model_of(lambda n: layer(), n), X, Y), random.getstate()
    model = both.built(0)
    training = both.engine.training(model, Settings(epochs=1, batch_size=8))
    assert isinstance(training._path, PlainEpochs)
    random.setstate(state)
    both.built(0)
    drawn = random.random()
    random.setstate(state)
    both.engine.training(both.built(0), Settings(epochs=1, batch_size=8))
    assert random.random() == drawn


class OwnLoss(keras.losses.Loss):  # type: ignore[misc]
    """As it stands in many notebooks: without a care for shapes."""

    def __init__(self, by: float) -> None:
        super().__init__()
        self.by = by

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self.by * ops.mean(ops.square(y_true - y_pred), axis=-1)


def whole_batch(y: Any, p: Any) -> Any:
    """Depends on the samples of a batch together."""
    return ops.mean(ops.square(y - p)) / (ops.std(y) + 0.1)


class OwnMetric(keras.metrics.Metric):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(name="own")
        self.sum = self.add_weight(shape=(), name="sum", initializer="zeros")

    def update_state(self, y: Any, p: Any, sample_weight: Any = None) -> None:
        self.sum.assign_add(ops.max(p))

    def result(self) -> Any:
        return self.sum + 0.0


COMPILING: dict[str, Callable[[int], dict[str, Any]]] = {
    "own loss": lambda n: {"loss": OwnLoss(n + 1.0)},
    "own function": lambda n: {"loss": lambda y, p: ops.mean(ops.abs(y - p), axis=-1) * (n + 1)},
    "of a whole batch": lambda n: {"loss": whole_batch},
    "a number for each sample": lambda n: {"loss": keras.losses.MeanSquaredError(reduction=None)},
    "a sum": lambda n: {"loss": keras.losses.MeanSquaredError(reduction="sum")},
    "weighted": lambda n: {"loss": "mse", "loss_weights": 1.0 + n},
    "own metrics": lambda n: {"metrics": [OwnMetric(), whole_batch, "mae"]},
    "weighted metrics": lambda n: {"weighted_metrics": ["mae"]},
}


class Falling(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """Without a configuration, as it stands in many notebooks."""

    def __init__(self, rate: float) -> None:
        self.rate = rate

    def __call__(self, step: Any) -> Any:
        return self.rate / (1.0 + ops.cast(step, "float32"))


def test_a_schedule_of_its_own_gives_the_rates(comparison: Any) -> None:
    def build(n: int) -> keras.Model:
        model = keras.Sequential([keras.Input((FEATURES,)), layers.Dense(1)])
        model.compile(keras.optimizers.SGD(Falling(0.1 * (n + 1))), "mse")
        return model

    comparison(build, X, Y).run()


@pytest.mark.sampled(1)
@pytest.mark.parametrize("name", COMPILING)
def test_losses_and_metrics_are_those_of_fit(comparison: Any, name: str) -> None:
    dense = lambda n: layers.Dense(4)  # noqa: E731
    comparison(lambda n: model_of(dense, n, **COMPILING[name](n)), X, Y).run()


def test_a_model_may_have_no_loss_but_that_of_its_layers(comparison: Any) -> None:
    def build(n: int) -> keras.Model:
        last = layers.Dense(1, activity_regularizer="l2")
        model = keras.Sequential([keras.Input((FEATURES,)), layers.Dense(4), last])
        model.compile(keras.optimizers.SGD(0.01))
        return model

    comparison(build, X, Y).run()


@pytest.mark.sampled(1)
@pytest.mark.parametrize("shape", [(SAMPLES,), (SAMPLES, 1)])
def test_targets_keep_their_shape(comparison: Any, shape: tuple[int, ...]) -> None:
    dense = lambda n: layers.Dense(4)  # noqa: E731
    comparison(lambda n: model_of(dense, n, loss=OwnLoss(1.0)), X, Y.reshape(shape)).run()


class OwnSteps(keras.Model):  # type: ignore[misc]
    """A subclass that computes its losses itself."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(1, kernel_regularizer="l2")

    def call(self, x: Any) -> Any:
        return self.dense(x)

    def test_step(self, data: Any) -> dict[str, Any]:
        x, y = data
        return {"loss": ops.mean(ops.abs(y - self(x))), "score": ops.max(y)}


def test_the_value_of_a_subclass_is_what_its_test_step_says(comparison: Any) -> None:
    def build(n: int) -> keras.Model:
        model = OwnSteps()
        model.compile(keras.optimizers.SGD(0.01), "mse")
        return model

    training = comparison(build, X, Y).run(1)
    assert [e.value for e in training.history] == [
        e.metrics["keras_val_loss"] for e in training.history
    ]


def test_steps_that_give_no_loss_are_named(comparison: Any) -> None:
    class Silent(OwnSteps):
        def train_step(self, data: Any) -> dict[str, Any]:
            return {"score": ops.mean(self(data[0]))}

    def build(n: int) -> keras.Model:
        model = Silent()
        model.compile(keras.optimizers.SGD(0.01), "mse")
        return model

    both = comparison(build, X, Y)
    training = both.engine.training(both.built(0), Settings(epochs=1, batch_size=8))
    with pytest.raises(ValueError, match='its train_step returns no "loss", only score'):
        list(training.epochs())


@pytest.mark.slow
def test_a_stateful_model_keeps_its_batches(comparison: Any) -> None:
    """Of 4 samples each, which divide both parts."""
    x = np.random.default_rng(0).random((SAMPLES, 3, 2)).astype(np.float32)

    def build(n: int) -> keras.Model:
        model = keras.Sequential([keras.Input(batch_shape=(4, 3, 2))])
        model.add(layers.LSTM(3, stateful=True))
        model.add(layers.Dense(1))
        model.compile(keras.optimizers.SGD(0.01), "mse")
        return model

    both = comparison(build, x, Y)
    both.batch = both.validation_batch = 4
    training = both.run()
    assert isinstance(training._path, PlainEpochs)


@pytest.mark.slow
def test_a_copy_that_differs_is_not_used(comparison: Any, caplog: pytest.LogCaptureFixture) -> None:
    class Sly(layers.Rescaling):  # type: ignore[misc]
        """Poses as Keras' own, which no check of names can tell."""

        def call(self, inputs: Any) -> Any:
            return inputs * getattr(self, "_secret", 1.0)

    Sly.__module__, Sly.__name__, Sly.__qualname__ = "keras.layers", "Rescaling", "Rescaling"

    def build(n: int) -> keras.Model:
        layer = Sly(1.0)
        layer._secret = 3.0
        return model_of(lambda n: layer, n)

    with caplog.at_level(logging.INFO, "studyhall"):
        training: Training = comparison(build, X, Y).run()
    assert isinstance(training._path, PlainEpochs)
    assert training.copy_differs and "gives different predictions" in training.copy_differs
    assert len([r for r in caplog.records if "its compiled copy" in r.message]) == 1


def test_looking_at_a_model_changes_nothing_of_it() -> None:
    model = model_of(lambda n: Running(), 0)
    samples = copy_check.Samples(X, Y)
    before = [v.numpy() for v in model.variables]
    copy_check.require_steady(model, samples)
    for value, now in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(value, now.numpy())
    assert tf.executing_eagerly()


def noisy(n: int = 0) -> keras.Model:
    """A model that is compiled as it stands, with state of many kinds."""
    inputs = keras.Input((FEATURES,))
    x = renormalized(n)(inputs)
    for part in (Noise(), Running(), layers.Dense(4), layers.Dropout(0.3), Losing(0.1)):
        x = part(x)
    model = keras.Model(inputs, layers.Dense(1)(x))
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=[OwnMetric()])
    return model


def test_a_training_of_its_own_goes_on_from_a_checkpoint(comparison: Any) -> None:
    both = comparison(noisy, X, Y)
    settings = Settings(epochs=6, batch_size=8)
    whole = both.engine.training(both.built(0), settings)
    metrics = [epoch.metrics for epoch in whole.epochs()]
    assert type(whole._path._compiled.twin) is Unshared  # type: ignore[attr-defined]
    first = both.engine.training(both.built(0), settings)
    for epoch in first.epochs():
        if epoch.number == 2:
            break
    blob = first.save()
    second = both.engine.training(both.built(0), settings)
    second.restore(blob)
    assert [epoch.metrics for epoch in second.epochs()] == metrics
    for mine, theirs in zip(
        second.best_model().get_weights(), whole.best_model().get_weights(), strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("way", ["sparse", "streamed"])
def test_a_training_of_its_own_is_one_however_samples_are_held(way: str) -> None:
    x = np.where(X > 0.5, X, 0).astype(np.float32)
    held = sparse.csr_matrix(x) if way == "sparse" else x
    found = []
    for data, limit in ((x, None), (held, 0 if way == "streamed" else None)):
        engine = Engine(
            (data[:20], Y[:20]), (data[20:], Y[20:]), resident_bytes=limit, models=CompiledModels()
        )
        seed_everything(3)
        training = engine.training(noisy(), Settings(epochs=3, batch_size=8))
        found.append([epoch.metrics["keras_val_loss"] for epoch in training.epochs()])
    assert found[0] == pytest.approx(found[1], rel=1e-5)
