"""A regression's targets in any unit: the same training, told in the user's units."""

import dataclasses

import numpy as np
import optuna
import pytest

from studyhall.search.data import loading
from studyhall.search.data.errors import DataError
from studyhall.search.study_file import config
from studyhall.search.training.engine import seed_everything
from studyhall.search.trial import blueprints, exporting, forms, modelling

pytestmark = pytest.mark.part(3)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(240, 3)) * [1, 10, 0.1] + [0, 5, 7]
Y = X @ [1.0, 0.2, 3.0] + 0.1 * RNG.normal(size=240)
STEP = 125_000.0  # the unit, in the user's


@pytest.fixture
def plan(tmp_path, study_file):
    """Makes the blueprint of a study of these targets."""

    def make(y, data=None, **changes):
        np.savez(tmp_path / "d.npz", x=X, y=y)
        file = config.parse(study_file(data={"source": "d.npz", **(data or {})}, **changes))
        return blueprints.of_file(file, loading.load(file.data, seed=0, folder=tmp_path), tmp_path)

    return make


def trained(blueprint, epochs=6):
    """Trains some epochs; returns the training and what it has measured."""
    trial = optuna.trial.FixedTrial({"learning_rate": 0.01})
    seed_everything(0)
    found = modelling.build(blueprint, trial, len(blueprint.data.train))
    settings = dataclasses.replace(modelling.settings(blueprint, found, 0), epochs=epochs)
    training = forms.engine(blueprint.data.split, found.form).training(found.model, settings)
    return training, [epoch.metrics for epoch in training.epochs()]


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("loss", "power", "space", "engine"),
    [
        ("mean_squared_error", 2, {"optimizer": "adam", "l2": 1e-2}, "auto"),
        ("mean_squared_error", 2, {"optimizer": "sgd", "clip_norm": 1.0}, "auto"),
        ("mean_absolute_error", 1, {"optimizer": "sgd"}, "auto"),
        ("mean_squared_error", 2, {"optimizer": "sgd", "l2": 1e-2}, "keras"),
    ],
)
def test_other_units_change_nothing_but_the_units(plan, loss, power, space, engine):
    more = {"training": {"loss": loss, "engine": engine}, "space": {"dropout": 0.0, **space}}
    _, small = trained(plan(Y, **more))
    _, large = trained(plan(STEP * Y + 400_000, **more))
    for one, other in zip(small, large, strict=True):
        for name in ("loss", "val_loss"):
            assert other[name] == pytest.approx(one[name] * STEP**power, rel=2e-3), name
        error = "val_mean_absolute_error"
        assert other[error] == pytest.approx(one[error] * STEP, rel=2e-3)


def test_both_ways_to_train_tell_the_same_losses(plan):
    more = {"space": {"dropout": 0.0}}
    ways = [
        trained(plan(STEP * Y, training={"engine": engine}, **more))[1]
        for engine in ("auto", "keras")
    ]
    for one, other in zip(*ways, strict=True):
        for name in ("loss", "val_loss", "keras_loss", "keras_val_loss"):
            assert other[name] == pytest.approx(one[name], rel=1e-3), name


@pytest.mark.sampled(2)
@pytest.mark.parametrize("loss", ["huber", "log_cosh"])
@pytest.mark.parametrize("unit", [0.05, 1e6])
def test_losses_with_a_scale_of_their_own_learn_too(plan, loss, unit):
    _, found = trained(plan(unit * Y, training={"loss": loss}, space={"dropout": 0.0}))
    assert found[-1]["val_loss"] < found[0]["val_loss"]
    deviation = unit * Y.std()
    assert found[-1]["val_mean_absolute_error"] < deviation


def test_several_targets_of_different_units(plan):
    y = np.stack([Y, 1000 * Y + 5], axis=1)
    blueprint = plan(y, space={"dropout": 0.0})
    training, found = trained(blueprint)
    assert found[-1]["val_loss"] < found[0]["val_loss"]
    assert training.best_model().output_shape == (None, 2)
    assert np.allclose(blueprint.data.units.mean, blueprint.data.train.y.mean(axis=0), rtol=1e-5)


def test_the_exported_model_returns_the_users_units(plan):
    blueprint = plan(STEP * Y + 400_000, space={"dropout": 0.0})
    training, found = trained(blueprint)
    test, data = blueprint.data.test, blueprint.data
    best = training.best_model()
    model = exporting.with_preparation(best, data.preparation, data.input_shape)
    predicted = exporting.predict(model, test.x)[:, 0]
    assert np.abs(predicted - test.y).mean() < 0.9 * np.abs(test.y - test.y.mean()).mean()
    validated = exporting.predict(model, data.validation.x)[:, 0]
    loss = np.square(validated - data.validation.y).mean(dtype=np.float64)
    assert loss == pytest.approx(min(each["val_loss"] for each in found), rel=1e-4)


def test_targets_stay_as_they_are_where_that_is_wanted(plan):
    found = {}
    for scale in ("auto", "none"):
        blueprint = plan(Y, data={"scale_target": scale}, space={"dropout": 0.0})
        training, epochs = trained(blueprint)
        validation = blueprint.data.validation
        best = exporting.with_preparation(
            training.best_model(), blueprint.data.preparation, blueprint.data.input_shape
        )
        told = np.square(exporting.predict(best, validation.x)[:, 0] - validation.y)
        least = min(each["val_loss"] for each in epochs)
        assert told.mean(dtype=np.float64) == pytest.approx(least, rel=1e-4)
        found[scale] = (blueprint.data.units is None, blueprint.loss_weight, least)
    assert [each[0] for each in found.values()] == [False, True]
    assert found["none"][1] == 1.0 != found["auto"][1] and found["none"][2] != found["auto"][2]


def test_other_tasks_have_no_scale(plan):
    with pytest.raises(DataError, match=r'scale_target: received "none" for binary, expected "aut'):
        plan((np.median(Y) < Y).astype(int), data={"scale_target": "none"})


def test_other_tasks_and_models_of_the_users_own_have_none(plan, tmp_path):
    assert plan((np.median(Y) < Y).astype(int)).data.units is None
    (tmp_path / "mine.py").write_text(
        "import keras\n"
        "def build(trial, input_shape, outputs):\n"
        "    return keras.Sequential([keras.Input(input_shape), keras.layers.Dense(1)])\n"
    )
    blueprint = plan(STEP * Y, model={"family": "mine.py:build"}, space={})
    assert blueprint.loss_weight == 1.0
    found = modelling.build(blueprint, optuna.trial.FixedTrial({"learning_rate": 0.01}), 100)
    assert [type(layer).__name__ for layer in found.model.layers] == ["Dense"]
