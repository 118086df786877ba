"""Studies of several inputs and outputs, from the user's arrays to the proven model."""

import keras
import numpy as np
import pytest

from studyhall.search.data import loading
from studyhall.search.evaluation import proof, round_trip
from studyhall.search.retraining import replay
from studyhall.search.study_file import config
from studyhall.search.study_file.config_error import ConfigError
from studyhall.spaces.failures import UserCodeError
from studyhall.storage.queries import records

pytestmark = pytest.mark.part(5)

DATA = """
import numpy as np

random = np.random.default_rng(0)
N = 90
NUMBERS, WORDS = random.normal(size=(N, 3)), random.integers(0, 9, (N, 2))
X = {"numbers": NUMBERS, "words": WORDS}
KIND = (WORDS.sum(1) > 8) + (NUMBERS[:, 0] > 0) * 1
Y = {"total": NUMBERS.sum(1, keepdims=True), "kind": KIND}
W = random.uniform(0.5, 2, N)

def load():
    return X, Y

def weighted():
    return X, Y, {"total": W, "kind": np.ones(N)}

def one():
    return X, KIND, W

def plain():
    return NUMBERS, KIND, W
"""
BUILD = """
import keras
from keras import layers

def trunk(units):
    numbers, words = keras.Input((3,), name="numbers"), keras.Input((2,), name="words")
    looked = layers.Flatten()(layers.Embedding(9, 2)(words))
    merged = layers.Concatenate()([layers.Dense(units, "relu")(numbers), looked])
    return {"numbers": numbers, "words": words}, merged

def build(trial, input_shape, outputs):
    assert input_shape == {"numbers": (3,), "words": (2,)}, input_shape
    assert outputs == {"total": 1, "kind": 3}, outputs
    x, merged = trunk(trial.suggest_int("units", 3, 6))
    y = {"total": layers.Dense(outputs["total"], name="total")(merged)}
    y["kind"] = layers.Dense(outputs["kind"], "softmax", name="kind")(merged)
    model = keras.Model(x, y)
    COMPILE
    return model

def one(trial, input_shape, outputs):
    x, merged = trunk(trial.suggest_int("units", 3, 6))
    return keras.Model(x, layers.Dense(outputs, "softmax")(merged))
"""
COMPILED = """model.compile(
        "adam",
        {"total": "mse", "kind": "sparse_categorical_crossentropy"},
        loss_weights={"total": 0.5, "kind": 1.0},
        metrics={"kind": ["accuracy"]},
    )"""
TABLES = {
    "loss": {"total": "mean_squared_error", "kind": "sparse_categorical_crossentropy"},
    "loss_weights": {"total": 0.5},
    "metrics": {"kind": ["accuracy", "f1_macro"]},
}


@pytest.fixture
def study(studio):
    """Makes a study of several inputs and outputs."""

    def make(source="load", build=BUILD, compiled="pass", **changes):
        (studio.folder / "my_data.py").write_text(DATA)
        changes["data"] = {"source": f"my_data.py:{source}", **changes.get("data", {})}
        changes["space"] = {"width": None, "learning_rate": None, **changes.get("space", {})}
        return studio.study(build.replace("COMPILE", compiled), **changes)

    return make


@pytest.mark.sampled(1)
@pytest.mark.parametrize("engine", ["auto", "keras"])
def test_a_compiled_model_of_several_outputs_is_proven_and_replayed(studio, study, engine):
    made = study(
        "weighted",
        compiled=COMPILED,
        study={"objective": "val_kind_accuracy", "name": f"compiled-{engine}"},
        training={"engine": engine},
    )
    studio.finish(made)
    card = proof.finish(studio.db, made)
    assert card["proven"], card["proof"]
    assert card["value"] == pytest.approx(card["metrics"]["val_kind_accuracy"])
    assert {"val_total_loss", "val_kind_loss", "val_loss"} <= card["metrics"].keys()
    assert card["test"]["scores"]["value"] >= 0 and "several" in card["test"]["scores"]["no_scores"]
    model = keras.models.load_model(studio.folder / f"artifacts/compiled-{engine}/best/model.keras")
    outputs = model.predict({"numbers": np.zeros((2, 3)), "words": np.zeros((2, 2))}, verbose=0)
    assert outputs["total"].shape == (2, 1) and outputs["kind"].shape == (2, 3)
    plan = studio.worker(made).context.plan
    assert replay.replay(studio.db, made, plan, 0).reproduces


@pytest.mark.sampled(1)
@pytest.mark.parametrize("objective", ["kind_f1_macro", "total_loss"])
def test_losses_metrics_and_weights_by_output(studio, study, objective):
    # By the second split there are two validation batches, the last of which is smaller.
    split = [0.6, 0.2, 0.2] if objective == "kind_f1_macro" else [0.4, 0.4, 0.2]
    made = study(training=TABLES, study={"objective": objective}, data={"split": split})
    studio.finish(made)
    card = proof.finish(studio.db, made)
    assert card["proven"], card["proof"]
    found = card["metrics"]
    assert card["value"] == found[f"val_{objective}"] and 0 <= found["val_kind_accuracy"] <= 1
    if objective == "kind_f1_macro":  # else Keras means batches where the loss means samples
        weighed = 0.5 * found["val_total_loss"] + found["val_kind_loss"]
        assert found["val_loss"] == pytest.approx(weighed, rel=1e-5)


def test_several_inputs_of_one_weighted_target_have_scores(studio, study):
    made = study("one", model={"family": "mine.py:one"}, data={"folds": 2})
    studio.finish(made)
    card = proof.finish(studio.db, made)
    assert card["proven"], card["proof"]
    assert card["task"] == "multiclass" and 0 <= card["test"]["scores"]["accuracy"] <= 1
    assert card["out_of_fold"]["samples"] == 72


@pytest.mark.parametrize(
    ("compiled", "changes", "said"),
    [
        (
            COMPILED,
            {"study": {"objective": "total_accuracy"}},
            'received "total_accuracy", expected one of kind_accuracy, kind_loss, loss, total_loss',
        ),
        (
            COMPILED,
            {"training": {"loss_weights": {"total": 0.5}}},
            "[training] loss_weights: received a table by output, expected none",
        ),
        ("pass", {}, 'received "auto", expected a table of a loss for each output (kind, total)'),
        (
            "pass",
            {"training": {"loss": {"sum": "huber"}}},
            "[training] loss: received sum, expected the outputs kind, total",
        ),
    ],
)
def test_what_no_trial_could_use_is_refused_before_the_first(
    studio, study, compiled, changes, said
):
    (studio.folder / "my_data.py").write_text(DATA)
    (studio.folder / "mine.py").write_text(BUILD.replace("COMPILE", compiled))
    data, model = {"source": "my_data.py:load"}, {"family": "mine.py:build"}
    space = {"width": None, "learning_rate": None}
    file = config.load(studio.write(data=data, model=model, space=space, **changes))
    loaded = loading.load(file.data, seed=0, folder=studio.folder, own_model=True)
    with pytest.raises((ConfigError, UserCodeError)) as caught:
        round_trip.refuse(file, loaded, studio.folder)
    assert said in str(caught.value)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("space", [{}, {"label_smoothing": 0.1}])
def test_a_built_in_family_is_validated_with_the_weights(studio, study, space):
    made = study("plain", model={"family": "mlp"}, space={"width": 4, **space})
    studio.finish(made)
    card = proof.finish(studio.db, made)
    assert card["proven"], card["proof"]
    plan = studio.worker(made).context.plan
    part, model = (
        plan.data.validation,
        keras.models.load_model(studio.folder / "artifacts/iris/best/model.keras"),
    )
    losses = keras.losses.sparse_categorical_crossentropy(part.y, model(part.x))
    weighted = float(np.mean(part.weights * np.asarray(losses)))
    assert card["value"] == pytest.approx(weighted, rel=1e-4)


def test_class_weights_beside_weights_of_samples_are_refused(studio, study):
    made = study("plain", model={"family": "mlp"}, space={"width": 4, "class_weights": "balanced"})
    studio.finish(made)
    reasons = {trial.attributes["reason"] for trial in records.trials(studio.db, made)}
    assert reasons == {"class_weights: the samples have weights of their own"}


@pytest.mark.parametrize(
    ("training", "said"),
    [
        ({"loss_weights": {"total": 1.0}}, "loss_weights: received some for one target"),
        ({"loss": {"total": "huber"}}, "loss: received a table by output for one target"),
        ({"metrics": {"kind": "accuracy"}}, "metrics: received a table by output for one target"),
        ({"loss": {"total": "hubris"}}, "loss: received"),
    ],
)
def test_tables_by_output_need_several(study, training, said):
    with pytest.raises(ConfigError) as caught:
        study("plain", model={"family": "mlp"}, training=training)
    assert f"[training] {said}" in str(caught.value)


@pytest.mark.parametrize("source", ["load", "one"])
def test_a_built_in_family_takes_one_array(studio, study, source):
    with pytest.raises(ConfigError, match=r"expected one.* or a model of your own"):
        study(source, model={"family": "mlp"})
