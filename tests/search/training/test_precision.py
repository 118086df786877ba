"""Mixed precision: the same trainings in 16 bits, their losses scaled as Keras does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest

from studyhall.search.evaluation import proof
from studyhall.search.study import record
from studyhall.search.training.compiled import learning_rates, signature, updates
from studyhall.search.training.compiled.cache import CompiledModels
from studyhall.search.training.engine import Engine, seed_everything
from studyhall.search.training.settings import Settings
from studyhall.search.training.training import Training
from studyhall.search.trial.context import Outcome
from studyhall.spaces import architecture, optimization, regularization

pytestmark = pytest.mark.part(3)

EPOCHS, SIZE, STEPS = 3, 16, 4
MIXED = ("mixed_float16", "mixed_bfloat16")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    keras.config.set_dtype_policy("float32")


def samples(number: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    y = generator.integers(0, 3, number).astype(np.int32)
    return generator.normal(y[:, None], 1.0, (number, 6)).astype(np.float32), y


TRAIN, VALIDATION = samples(SIZE * STEPS, 0), samples(41, 1)


@pytest.fixture(scope="module")
def engines() -> list[Engine]:
    return [Engine(TRAIN, VALIDATION, models=CompiledModels()) for _ in range(2)]


def built(precision: str, **values: Any) -> keras.Model:
    values = {"width": 8, "depth": 1, "dropout": 0.2, "l2": 1e-3, "learning_rate": 0.02, **values}
    keras.config.set_dtype_policy(precision)
    seed_everything(3)
    model = architecture.build("mlp", values, (6,), 3, "multiclass")
    optimizer = optimization.optimizer(values, steps_per_epoch=STEPS, epochs=EPOCHS)
    model.compile(optimizer, regularization.loss("multiclass"), metrics=["accuracy"])
    return model


def begun(on: Engine, model: keras.Model, **others: Any) -> Training:
    return on.training(model, Settings(epochs=EPOCHS, batch_size=SIZE, seed=3, **others))


def values(training: Training) -> list[float]:
    return [epoch.value for epoch in training.epochs()]


@pytest.mark.sampled(1)
@pytest.mark.parametrize("precision", MIXED)
def test_compiled_epochs_are_those_of_fit(engines: list[Engine], precision: str) -> None:
    model = built(precision)
    assert [layer.compute_dtype for layer in model.layers if layer.weights] == [
        precision.removeprefix("mixed_"),
        "float32",  # probabilities of 16 bits would round the loss
    ]
    assert {weight.dtype for weight in model.weights} == {"float32"}
    ours = values(begun(engines[0], model))
    by_fit = values(begun(engines[0], built(precision), engine="keras"))
    rounding = {"mixed_float16": 2e-3, "mixed_bfloat16": 2e-2}[precision]
    assert ours == pytest.approx(by_fit, rel=rounding)
    assert ours != values(begun(engines[0], built("float32")))


def scaling(model: keras.Model, first: float) -> keras.Model:
    inner = updates.inner(model.optimizer)
    model.optimizer = keras.optimizers.LossScaleOptimizer(inner, initial_scale=first)
    return model


def test_steps_whose_gradients_overflow_are_skipped(engines: list[Engine]) -> None:
    def trained(engine: str) -> Training:
        model = scaling(built("mixed_float16", dropout=0.0), 2.0**24)
        training = begun(engines[0], model, engine=engine)
        list(training.epochs())
        return training

    ours, by_fit = trained("auto"), trained("keras")
    held = ours._path._compiled.twin.optimizer  # type: ignore[attr-defined]
    assert float(held.dynamic_scale) == float(by_fit.model.optimizer.dynamic_scale) < 2.0**24
    assert int(held.iterations) == int(by_fit.model.optimizer.iterations) < EPOCHS * STEPS
    for mine, theirs in zip(ours.history, by_fit.history, strict=True):
        assert mine.value == pytest.approx(theirs.value, rel=2e-3)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("engine", ["auto", "keras"])
def test_a_scaled_loss_is_continued_to_the_last_bit(engines: list[Engine], engine: str) -> None:
    def start(place: int) -> Training:
        return begun(engines[place], scaling(built("mixed_float16"), 2.0**24), engine=engine)

    epochs = (whole := start(0)).epochs()
    next(epochs)
    blob, rest = whole.save(), [epoch.value for epoch in epochs]
    continued = start(1)
    continued.restore(blob)
    assert [epoch.value for epoch in continued.epochs(after=1)] == rest


def test_compiled_models_are_kept_apart_by_precision() -> None:
    found = {signature.of(built(precision)) for precision in ("float32", *MIXED)}
    assert len(found) == 3


def test_a_scaled_loss_with_a_schedule_is_trained_by_fit() -> None:
    model = built("mixed_float16", decay="exponential")
    assert learning_rates.is_scheduled(model.optimizer)
    with pytest.raises(signature.NotCompilableError, match="loss scaling skips a step"):
        signature.refuse(model)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("precision", MIXED)
def test_a_study_ends_with_a_model_that_proves_its_value(studio: Any, precision: str) -> None:
    study = studio.study(study={"trials": 1}, training={"precision": precision, "epochs": 3})
    assert studio.finish(study) == [Outcome.COMPLETE]
    keras.config.set_dtype_policy("float32")  # as in a fresh process
    card = proof.finish(studio.db, study)
    exported = keras.models.load_model(record.stored(study).artifacts / "best" / "model.keras")
    trained = exported.get_layer("mlp")
    assert [layer.compute_dtype for layer in trained.layers if layer.weights] == [
        *[precision.removeprefix("mixed_")] * 2,
        "float32",
    ]
    assert card["proof"]["reloaded"] == pytest.approx(card["value"], rel=1e-2)
