"""Losses, metrics and objectives of several outputs, as a study file names them."""

import math

import pytest

from studyhall.search.study_file import config, objectives, own_code
from studyhall.search.study_file.config_error import ConfigError


@pytest.mark.parametrize(
    ("named", "name", "recorded", "way"),
    [
        ("validation loss", "validation loss", "val_loss", "minimize"),
        ("val_loss", "validation loss", "val_loss", "minimize"),
        ("val_accuracy", "accuracy", "val_accuracy", "maximize"),
        ("head_a_accuracy", "head_a_accuracy", "val_head_a_accuracy", "maximize"),
        ("val_head_a_accuracy", "val_head_a_accuracy", "val_head_a_accuracy", "maximize"),
        ("total_mean_squared_error", "total_mean_squared_error", None, "minimize"),
        ("total_roc_auc", "total_roc_auc", "val_total_roc_auc", "maximize"),
        ("price_loss", "price_loss", "val_price_loss", "minimize"),
    ],
)
def test_an_objective_is_named_as_keras_logs_it(named, name, recorded, way):
    study = {"objective": named}
    assert objectives.of_file(study) == [name] and objectives.directions(study) == [way]
    assert objectives.recorded(name) == (recorded or f"val_{name}")


def test_what_is_known_of_an_output_is_what_is_known_of_its_metric():
    assert objectives.limits("kind_accuracy") == (0.0, 1.0) and objectives.bound("kind_f1_macro")
    assert objectives.limits("kind_profit") == (-math.inf, math.inf)
    assert objectives.known_as("kind_profit") is None and objectives.way("kind_profit") is None
    assert (
        objectives.known_as("kind_auc") == "auc" and objectives.known_as("k_roc_auc") == "roc_auc"
    )


def read(**training):
    tables = {"study": {"name": "a"}, "data": {"source": "d.py:load"}, "training": training}
    return config.from_dict(tables, "study.toml")


def test_tables_by_output_may_name_code_of_the_users():
    file = read(
        loss={"a": "huber", "b": "mine.py:own"},
        metrics={"a": "mine.py:far", "b": ["accuracy", "mine.py:near"]},
        loss_weights={"a": 2, "b": 0.5},
    )
    named = [(each.reference, each.role) for each in file.own_code]
    assert named == [
        ("mine.py:own", own_code.LOSS),
        ("mine.py:far", own_code.METRIC),
        ("mine.py:near", own_code.METRIC),
    ]
    assert file.training.loss_weights == {"a": 2.0, "b": 0.5}


@pytest.mark.parametrize(
    ("training", "said"),
    [
        ({"loss": {"a": "auto"}}, "loss: received"),
        ({"loss": {"a": "hubr"}}, "for output a one of"),
        ({"loss": {}}, "loss: received"),
        ({"metrics": {"a": ["acuracy"]}}, "for output a a list of"),
        ({"loss_weights": {"a": -1.0}}, "loss_weights: received"),
        ({"loss_weights": {"a": "much"}}, "expected a table such as"),
    ],
)
def test_a_mistake_in_a_table_names_the_output(training, said):
    with pytest.raises(ConfigError) as caught:
        read(**training)
    assert f"[training] {next(iter(training))}" in str(caught.value) and said in str(caught.value)
