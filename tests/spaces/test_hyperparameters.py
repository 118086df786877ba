"""The table of hyperparameters: legal bounds, defaults, and that each of them does something."""

import json

import keras
import numpy as np
import pytest

from studyhall.spaces import (
    architecture,
    backbone,
    hyperparameters,
    optimization,
    regularization,
)

# A value of each hyperparameter that differs from its default, with what it needs to show.
OTHERS = {
    "cell": {"cell": "lstm"},
    "encoder": {"encoder": "transformer"},
    "vocabulary": {"vocabulary": 50},
    "length": {"length": 9},
    "embedding": {"embedding": 8},
    "heads": {"encoder": "transformer", "heads": 4},
    "depth": {"depth": 3},
    "width": {"width": 7},
    "activation": {"activation": "elu"},
    "batch_norm": {"batch_norm": True},
    "convolutions": {"convolutions": 1},
    "head_width": {"head_width": 0},
    "frozen": {"frozen": 0.5},
    "fine_tuning_rate": {"fine_tuning_rate": 0.5},
    "resolution": {"resolution": 32},
    "bidirectional": {"bidirectional": True},
    "kernel_size": {"cell": "conv", "kernel_size": 2},
    "optimizer": {"optimizer": "rmsprop"},
    "learning_rate": {"learning_rate": 0.02},
    "momentum": {"optimizer": "sgd", "momentum": 0.5},
    "beta_1": {"beta_1": 0.8},
    "beta_2": {"beta_2": 0.9},
    "epsilon": {"optimizer": "rmsprop", "epsilon": 1e-3},
    "weight_decay": {"optimizer": "adamw", "weight_decay": 0.1},
    "decay": {"decay": "step"},
    "decay_rate": {"decay": "step", "decay_rate": 0.9},
    "decay_epochs": {"decay": "step", "decay_epochs": 2},
    "warmup_epochs": {"warmup_epochs": 2},
    "batch_size": {"batch_size": 64},
    "clip_norm": {"clip_norm": 1.0},
    "dropout": {"dropout": 0.5},
    "head_dropout": {"head_dropout": 0.5},
    "l1": {"l1": 0.01},
    "l2": {"l2": 0.01},
    "label_smoothing": {"label_smoothing": 0.1},
    "class_weights": {"class_weights": "balanced"},
    "flip": {"flip": True},
    "rotation": {"rotation": 10},
    "shift": {"shift": 0.1},
    "zoom": {"zoom": 0.1},
}


SHAPES = {"mlp": (4,), "cnn": (8, 8, 1), "sequence": (6, 2), "text": (), "keras": (48, 48, 3)}
FAMILIES = {"keras": "keras:MobileNet(alpha=0.25)"}


def everything(values, family):
    """All that the package makes of some values, as one comparable text."""
    keras.utils.clear_session()  # operations are numbered by all that came before
    keras.utils.set_random_seed(0)
    named = FAMILIES.get(family, family)
    model = architecture.build(named, values, SHAPES[family], 3, "multiclass")
    optimizer = optimization.optimizer(values, steps_per_epoch=10, epochs=20)
    if family == "keras":
        optimizer = backbone.fine_tuning(optimizer, model, values, None)
    made = {
        "model": model.get_config(),
        "optimizer": keras.optimizers.serialize(optimizer),
        "batch_size": optimization.batch_size(values, 1000),
        "loss": regularization.loss("multiclass", values.get("label_smoothing", 0.0)).get_config(),
        "class_weights": regularization.class_weights(values, np.array([0, 0, 1])),
    }
    return json.dumps(made, default=float)


def test_every_hyperparameter_has_a_test_value():
    assert list(OTHERS) == list(hyperparameters.NAMES)


@pytest.mark.sampled(15)
@pytest.mark.parametrize("name", hyperparameters.NAMES)
def test_every_hyperparameter_changes_what_is_built(name):
    changed = OTHERS[name]
    without = {key: value for key, value in changed.items() if key != name}
    only = hyperparameters.find(name).only
    family = "cnn" if not only or "cnn" in only else only[0]
    assert everything(changed, family) != everything(without, family)
    assert everything(changed, family) == everything(dict(changed), family)  # no chance in it


def test_the_guides_hyperparameters_are_all_there():
    guide = {"optimizer", "learning_rate", "momentum", "beta_1", "beta_2", "decay", "batch_size"}
    guide |= {"epsilon", "dropout", "l1", "l2", "depth", "width", "activation", "batch_norm"}
    guide |= {"flip", "rotation", "shift", "zoom"}
    assert guide <= set(hyperparameters.NAMES)


@pytest.mark.parametrize("each", hyperparameters.TABLE, ids=lambda each: each.name)
def test_every_hyperparameter_is_documented_and_allows_its_own_default(each):
    assert each.meaning
    assert each.source
    assert each.kind in ("choice", "switch") or each.legal != "(-inf, inf)"
    for default in (each.mlp, each.cnn, each.sequence, each.text, each.keras):
        assert default is None or each.allows(default)
    assert all(each.allows(word) for word in each.words)


@pytest.mark.parametrize(
    ("name", "legal", "illegal"),
    [
        ("dropout", [0, 0.0, 0.999], [1, 1.0, -0.1, "0.5", True, None, [0.1]]),
        ("learning_rate", [1e-9, 1, 10.0], [0, 0.0, -1e-3]),
        ("batch_size", [1, 4096, "all"], [0, 32.0, "half", False]),
        ("batch_norm", [True, False], [0, 1, "true"]),
        ("flip", [True, False, "both"], [1, "diagonal"]),
        ("rotation", [0, 15, 180.0], [181, -1]),
        ("optimizer", ["adam"], ["Adam", 1]),
        ("depth", [1, 10], [0, 1.0]),
        ("head_width", [0], [-1]),
    ],
)
def test_legal_values(name, legal, illegal):
    hyperparameter = hyperparameters.find(name)
    assert [value for value in legal if not hyperparameter.allows(value)] == []
    assert [value for value in illegal if hyperparameter.allows(value)] == []


def test_expectations_in_words():
    expected = {name: hyperparameters.find(name).expected() for name in hyperparameters.NAMES}
    assert expected["batch_norm"] == "true or false"
    assert expected["batch_size"] == 'a whole number ≥ 1 or "all"'
    assert expected["depth"] == "a whole number ≥ 1"
    assert expected["dropout"] == "a number in [0, 1)"
    assert expected["class_weights"] == "one of none, balanced"


def test_the_textbook_configuration():
    for family, width in (("mlp", 128), ("cnn", 32), ("sequence", 32), ("text", 32)):
        textbook = hyperparameters.textbook(family)
        assert (textbook["optimizer"], textbook["learning_rate"]) == ("adam", 1e-3)
        depth = 1 if family == "text" else 2
        assert (textbook["depth"], textbook["width"], textbook["batch_size"]) == (depth, width, 32)


def test_families_have_what_they_read():
    assert "convolutions" not in hyperparameters.defaults("mlp")
    assert "convolutions" in hyperparameters.defaults("cnn")
    assert {"cell", "kernel_size"} <= hyperparameters.defaults("sequence").keys()
    assert not {"cell", "kernel_size"} & hyperparameters.defaults("mlp").keys()
    assert not {"flip", "zoom"} & hyperparameters.known("sequence").keys()
    own = hyperparameters.defaults("my_model.py:build")
    assert {"optimizer", "learning_rate", "batch_size"} <= own.keys()
    assert not {"width", "dropout", "l2"} & own.keys()


def test_an_unknown_name_is_a_key_error():
    with pytest.raises(KeyError):
        hyperparameters.find("learnin_rate")
