"""One compiled model for many trials: what it takes over, what it must not mix up."""

from __future__ import annotations

import gc
import logging
import weakref
from typing import Any

import keras
import numpy as np
import pytest

from studyhall.search.training.compiled import cache, signature
from studyhall.search.training.engine import Engine, seed_everything
from studyhall.search.training.settings import Settings
from studyhall.search.training.training import Training
from studyhall.spaces import architecture, optimization, regularization

pytestmark = pytest.mark.part(4)

SHAPE, CLASSES = (6,), 3


def data(seed: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    y = generator.integers(0, CLASSES, number).astype(np.int32)
    return generator.normal(y[:, None], 1.0, (number, *SHAPE)).astype(np.float32), y


def fresh_engine() -> Engine:
    return Engine(data(0, 83), data(1, 41), models=cache.CompiledModels())


@pytest.fixture(scope="module")
def engine() -> Engine:
    return fresh_engine()


def built(
    values: dict[str, Any],
    seed: int = 1,
    family: str = "mlp",
    shape: tuple[int, ...] = SHAPE,
) -> keras.Model:
    values = {"width": 8, "depth": 1, **values}
    seed_everything(seed)
    model = architecture.build(family, values, shape, CLASSES, "multiclass")
    optimizer = optimization.optimizer(values, steps_per_epoch=6, epochs=4)
    loss = regularization.loss("multiclass", values.get("label_smoothing", 0.0))
    model.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"])
    return model


def trained(
    engine: Engine, values: dict[str, Any], *, seed: int = 1, size: int = 16, **others: Any
) -> Training:
    plateau = optimization.plateau(values)
    settings = Settings(epochs=4, batch_size=size, seed=seed, plateau=plateau, **others)
    training = engine.training(built(values, seed), settings)
    list(training.epochs())
    return training


def metrics(training: Training) -> list[dict[str, float]]:
    return [epoch.metrics for epoch in training.history]


PAIRS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "sgd": ({"learning_rate": 0.1, "l2": 0.1, "dropout": 0.5}, {"l2": 1e-3, "dropout": 0.1}),
    "nesterov": ({"momentum": 0.3}, {"momentum": 0.95, "decay": "inverse_time"}),
    "rmsprop": (
        {"decay": "exponential", "l2": 1e-2, "batch_norm": True},
        {"decay": "step", "l2": 1e-4, "batch_norm": True},
    ),
    "adagrad": ({"width": 5}, {"width": 11, "decay": "plateau", "decay_epochs": 1}),
    "adadelta": ({"learning_rate": 1.0}, {"learning_rate": 0.5}),
    "adam": ({"beta_1": 0.5, "clip_norm": 0.1}, {"beta_2": 0.9, "clip_norm": 3.0}),
    "momentum": ({"label_smoothing": 0.05}, {"label_smoothing": 0.2}),
    "adamw": ({"weight_decay": 0.1}, {"weight_decay": 0.01, "warmup_epochs": 2}),
}


# Before Keras 3.10 its slots don't say whose they are: other widths are compiled anew.
ANEW = ("adagrad",) if tuple(map(int, keras.__version__.split(".")[:2])) < (3, 10) else ()


@pytest.mark.sampled(2)
@pytest.mark.parametrize("optimizer", PAIRS)
def test_reused_model_equals_a_fresh_one_to_the_last_bit(engine: Engine, optimizer: str) -> None:
    first, second = ({"optimizer": optimizer, **values} for values in PAIRS[optimizer])
    trained(engine, first, seed=3)
    reused, alone = (trained(it, second, size=32) for it in (engine, fresh_engine()))
    assert (reused.seconds["trace"] > 0) == (optimizer in ANEW)
    assert alone.seconds["trace"] > 0
    assert metrics(reused) == metrics(alone)
    for mine, theirs in zip(
        reused.best_model().get_weights(), alone.best_model().get_weights(), strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)


def test_a_cnn_of_other_filters_equals_a_fresh_one() -> None:
    pictures = (4, 4, 1)
    x, y = np.random.default_rng(0).random((40, *pictures), np.float32), data(0, 40)[1]
    shared = Engine((x, y), (x, y))
    found = []
    for engine, filters in ((shared, 4), (shared, 6), (Engine((x, y), (x, y)), 6)):
        model = built({"width": filters, "batch_norm": True}, family="cnn", shape=pictures)
        training = engine.training(model, Settings(epochs=2, batch_size=16))
        found.append([epoch.metrics for epoch in training.epochs()])
    assert found[1] == found[2]


def test_other_activations_and_depths_are_other_models(engine: Engine) -> None:
    values = [{"activation": name, "depth": depth} for name in ("relu", "tanh") for depth in (1, 2)]
    names = {signature.of(built(it)) for it in values}
    assert len(names) == len(values)


def test_a_users_model_is_reused_too() -> None:
    engine = fresh_engine()
    layers = keras.layers

    def trial(rate: float, units: int) -> Training:
        seed_everything(4)
        model = keras.Sequential([keras.Input(SHAPE), layers.Dense(units, activation="relu")])
        model.add(layers.BatchNormalization())
        model.add(layers.Dropout(rate))
        model.add(layers.Dense(CLASSES, activation="softmax", kernel_regularizer="l2"))
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        training = engine.training(model, Settings(epochs=2, batch_size=16))
        list(training.epochs())
        return training

    assert trial(0.1, 8).seconds["trace"] > 0
    assert trial(0.4, 20).seconds["trace"] == 0


def test_folds_share_compiled_models() -> None:
    models = cache.CompiledModels()
    folds = [Engine(data(seed, 50 + seed), data(9, 30), models=models) for seed in range(2)]
    assert [trained(it, {}).seconds["trace"] > 0 for it in folds] == [True, False]


def test_custom_losses_are_told_apart() -> None:
    def weighted(by: float) -> Any:
        return lambda y, p: by * keras.losses.sparse_categorical_crossentropy(y, p)

    def model(loss: Any) -> keras.Model:
        it = built({})
        it.compile("adam", loss)
        return it

    one, two = weighted(1.0), weighted(2.0)
    assert signature.of(model(one)) != signature.of(model(two))
    assert signature.of(model(one)) == signature.of(model(one))


def test_two_trainings_take_turns_in_one_compiled_model(engine: Engine) -> None:
    values = [{"learning_rate": 0.01, "width": 4}, {"learning_rate": 0.03, "width": 9}]
    alone = [trained(engine, it, seed=seed) for seed, it in enumerate(values)]
    settings = [Settings(epochs=4, batch_size=16, seed=seed) for seed in range(2)]
    both = [engine.training(built(it, seed), settings[seed]) for seed, it in enumerate(values)]
    for _ in zip(*(training.epochs() for training in both), strict=True):
        pass
    for mixed, pure in zip(both, alone, strict=True):
        assert metrics(mixed) == metrics(pure)
        loss = mixed.best_model().evaluate(*data(1, 41), verbose=0)[0]
        assert mixed.best and loss == pytest.approx(mixed.best.value, rel=1e-5)


@pytest.mark.slow
def test_dropped_models_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = fresh_engine()
    graphs: list[weakref.ref[Any]] = []
    for activation in ("relu", "tanh", "elu", "gelu", "selu"):
        training = trained(engine, {"activation": activation})
        if not graphs:
            of_one = training._path._compiled.bytes()  # type: ignore[attr-defined]
            monkeypatch.setattr(cache, "KEPT_BYTES", 3 * of_one)
        (traced,) = training._path._compiled.epochs._functions._traced.values()  # type: ignore[attr-defined]
        graphs.append(weakref.ref(traced.graph))
        del traced, training
    gc.collect()
    assert sum(graph() is not None for graph in graphs) <= 3


def test_the_builders_model_is_left_as_it_is(engine: Engine) -> None:
    model = built({"dropout": 0.3, "l2": 1e-3, "momentum": 0.5, "optimizer": "momentum"})
    config, weights = model.get_config(), [w.copy() for w in model.get_weights()]
    training = engine.training(model, Settings(epochs=2, batch_size=16))
    list(training.epochs())
    assert model.get_config() == config
    assert model.optimizer.momentum == 0.5
    for now, before in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(now, before)


def test_the_plain_path_says_why_once(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    class Mine(keras.Sequential):  # type: ignore[misc]
        pass

    with caplog.at_level(logging.INFO, "studyhall"):
        for _ in range(2):
            model = Mine([keras.Input(SHAPE), keras.layers.Dense(CLASSES, activation="softmax")])
            model.compile("adam", "sparse_categorical_crossentropy")
            engine.training(model, Settings(epochs=1, batch_size=16))
    assert [record.message for record in caplog.records] == [
        "training by Keras' own fit: Mine is a subclassed model"
    ]
