"""A trial's values become a compiled model: the family's, or the user's own."""

import keras
import numpy as np
import optuna
import pytest

from studyhall.search.data import loading
from studyhall.search.study_file import config
from studyhall.search.study_file.losses import LOSSES
from studyhall.search.training.settings import Settings
from studyhall.search.trial import blueprints, compiling, forms, modelling
from studyhall.spaces.failures import ArchitectureError, UserCodeError


@pytest.fixture
def plan(tmp_path, study_file):
    """Makes the blueprint of a study file, with code of the user's."""

    def make(code="", **changes):
        if code:
            (tmp_path / "mine.py").write_text(f"import keras\n{code}")
            changes["model"] = {"family": "mine.py:build"}
        file = config.parse(study_file(**changes))
        loaded = loading.load(file.data, seed=0, folder=tmp_path)
        return blueprints.of_file(file, loaded, tmp_path)

    return make


def built(blueprint, **params):
    trial = optuna.trial.FixedTrial({"learning_rate": 0.01, **params})
    return modelling.build(blueprint, trial, len(blueprint.data.train))


OWN = """
def build(trial, input_shape, outputs):
    units = trial.suggest_int("units", 3, 9)
    model = keras.Sequential([
        keras.Input(input_shape), keras.layers.Dense(units), keras.layers.Dense({last})
    ])
    {compile}
    return model
"""


def test_unwritten_hyperparameters_have_the_familys_defaults(plan):
    found = built(plan(space={"dropout": 0.5}))
    assert found.values["width"] == 4 and found.values["dropout"] == 0.5
    assert found.values["depth"] == 2 and found.values["optimizer"] == "adam"
    assert float(found.model.optimizer.learning_rate) == pytest.approx(0.01)
    assert found.data_loss is not None and found.form == forms.CODED
    assert found.batch_size == 32 and found.class_weight is None and found.plateau is None


def test_a_batch_of_every_sample(plan):
    assert built(plan(space={"batch_size": "all"})).batch_size == 90


def test_a_plateau_and_class_weights_reach_the_training(plan):
    found = built(plan(space={"decay": "plateau", "class_weights": "balanced"}))
    assert found.plateau is not None
    assert found.class_weight == pytest.approx({0: 1, 1: 1, 2: 1})


@pytest.mark.parametrize(
    ("source", "loss", "metrics"),
    [
        ("sklearn:iris", "sparse_categorical_crossentropy", ["accuracy"]),
        ("sklearn:breast_cancer", "binary_crossentropy", ["accuracy"]),
        ("sklearn:diabetes", "mean_squared_error", ["mean_absolute_error"]),
    ],
)
def test_loss_and_metrics_follow_the_targets(plan, source, loss, metrics):
    found = plan(data={"source": source})
    assert compiling.metrics(found) == metrics
    assert type(compiling.loss(found, 0.0)) is type(keras.losses.get(_class(loss)))


def _class(name):
    return {"class_name": "".join(word.title() for word in name.split("_")), "config": {}}


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("source", "loss"),
    [
        ("sklearn:diabetes", "huber"),
        ("sklearn:diabetes", "log_cosh"),
        ("sklearn:diabetes", "mean_absolute_error"),
        ("sklearn:breast_cancer", "binary_focal_crossentropy"),
        ("sklearn:iris", "categorical_crossentropy"),
    ],
)
def test_a_loss_of_the_users_choice_trains(plan, source, loss):
    blueprint = plan(data={"source": source}, training={"loss": loss})
    found = built(blueprint)
    engine = forms.engine(blueprint.data.split, found.form)
    settings = Settings(epochs=1, batch_size=found.batch_size, data_loss=found.data_loss)
    (epoch,) = engine.training(found.model, settings).epochs()
    assert np.isfinite(epoch.value)


@pytest.mark.parametrize("source", ["sklearn:diabetes", "sklearn:breast_cancer"])
def test_flat_targets_meet_a_single_output_in_every_loss(plan, source):
    """(N,) beside (N, 1): compared sample by sample, never each with all."""
    data = plan(data={"source": source}).data
    flat = data.train.y
    outputs = np.linspace(0.1, 0.9, len(flat), dtype=np.float32)[:, None]
    for name in [name for name, tasks in LOSSES.items() if data.task in tasks]:
        loss = compiling.loss(plan(data={"source": source}, training={"loss": name}), 0.0)
        assert float(loss(flat, outputs)) == pytest.approx(float(loss(flat[:, None], outputs)))


def test_metrics_of_the_users_choice(plan):
    blueprint = plan(data={"source": "sklearn:breast_cancer"}, training={"metrics": ["auc"]})
    assert compiling.metrics(blueprint) == ["auc"]


def test_values_that_cannot_be_built(plan):
    with pytest.raises(ArchitectureError, match="needs images"):
        built(plan(model={"family": "cnn"}, space={"width": None}))


def test_the_users_own_model_is_compiled_by_the_study(plan):
    blueprint = plan(
        OWN.format(last="outputs, activation='softmax'", compile=""),
        space={"width": None, "optimizer": "sgd"},
    )
    found = built(blueprint, units=5)
    assert isinstance(found.model.optimizer, keras.optimizers.SGD)
    assert found.values["units"] == 5 and found.values["learning_rate"] == 0.01
    assert found.data_loss is not None


@pytest.mark.parametrize(
    ("loss", "one_hot"),
    [
        ("'categorical_crossentropy'", True),
        ("keras.losses.CategoricalCrossentropy()", True),
        ("keras.losses.categorical_crossentropy", True),
        ("'sparse_categorical_crossentropy'", False),
        ("keras.losses.SparseCategoricalCrossentropy(from_logits=True)", False),
        ("lambda y, p: keras.ops.mean(keras.ops.square(p), -1)", False),
    ],
)
def test_the_users_own_compiled_model_is_left_as_it_is(plan, loss, one_hot):
    code = OWN.format(last="3, activation='softmax'", compile=f"model.compile('sgd', {loss})")
    found = built(plan(code, space={"width": None}), units=3)
    assert found.form.targets == ("one-hot" if one_hot else "coded")
    assert found.data_loss is None and found.plateau is None
    assert isinstance(found.model.optimizer, keras.optimizers.SGD)


def test_a_model_that_gives_too_few_outputs(plan):
    code = OWN.format(last="2", compile="")
    with pytest.raises(UserCodeError, match="gives outputs of shape"):
        built(plan(code, space={"width": None}), units=3)
