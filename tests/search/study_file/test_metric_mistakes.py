"""Losses, metrics and objectives of the user's own, and what doesn't fit together."""

import pytest

from studyhall.search.study_file import config, objectives
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.own_code import Named

HEAD = '[data]\nsource = "sklearn:iris"\n'


def parsed(study="", training="", space=""):
    text = f'[study]\nname = "a"\n{study}\n{HEAD}[training]\n{training}\n[space]\n{space}\n'
    return config.parse(text)


def refused(**tables):
    with pytest.raises(ConfigError) as error:
        parsed(**tables)
    (line,) = error.value.problems
    return line


def test_each_piece_of_own_code_is_named_once_with_its_key():
    file = parsed(
        'objective = ["validation loss", "m.py:a", "m.py:b"]\n'
        'direction = ["auto", "maximize", "minimize"]',
        'loss = "l.py:it"\nmetrics = ["accuracy", "m.py:b"]\ncallbacks = "c.py:make"',
    )
    assert file.own_code == [
        Named("[training] loss", "l.py:it", "loss"),
        Named("[study] objective", "m.py:a", "metric"),
        Named("[training] metrics", "m.py:b", "metric"),
        Named("[training] callbacks", "c.py:make", "callbacks"),
    ]
    assert objectives.directions(dict(file.study)) == ["minimize", "maximize", "minimize"]
    assert [*map(objectives.recorded, objectives.of_file(dict(file.study)))] == [
        "val_loss", "val_a", "val_b",
    ]  # fmt: skip
    assert config.from_dict(config.to_dict(file)) == file


def test_a_single_direction_is_that_of_the_first_objective():
    file = parsed('objective = ["m.py:a", "latency"]\ndirection = "maximize"')
    assert objectives.directions(dict(file.study)) == ["maximize", "minimize"]


@pytest.mark.parametrize(
    ("study", "said"),
    [
        ('objective = "m.py:a"', '"m.py:a" without a direction, expected direction beside it'),
        ('objective = ["accuracy", "m.py:a"]', "expected a list of directions beside it"),
        ('direction = ["minimize", "maximize"]', "2 for one objective, expected one for each"),
        ('direction = "up"', 'received "up", expected "auto", "minimize", "maximize", or a list'),
        ("direction = []", "received [], expected"),
    ],
)
def test_directions_must_be_known(study, said):
    assert said in refused(study=study)


@pytest.mark.parametrize(
    ("training", "said"),
    [
        ('metrics = ["m.py:accuracy"]', "a metric named accuracy, as is one of studyhall"),
        ('metrics = ["m.py:loss"]', "a metric named loss, as is one of studyhall"),
        ('metrics = ["m.py:a", "n.py:a"]', 'a metric named a, as is "m.py:a"'),
        ('metrics = ["m.py:val_a"]', "a name that begins with val_"),
        ('metrics = ["m.py"]', 'expected "auto", or a list of'),
        ('loss = "m:focal"', "my_losses.py:focal"),
        ('callbacks = "make"', 'received "make", expected my_callbacks.py:make'),
        ('loss = "m\\t.py:focal"', "in double quotes"),
    ],
)
def test_names_must_be_free_and_complete(training, said):
    assert said in refused(training=training)


def test_a_loss_of_ones_own_smooths_by_itself():
    loss = 'loss = "m.py:focal"'
    assert refused(training=loss, space="label_smoothing = 0.1") == (
        'study.toml: [space] label_smoothing: received 0.1 with loss = "m.py:focal", '
        "expected none: a loss of your own smooths by itself"
    )
    assert "label_smoothing" in refused(training=loss, space="label_smoothing = [0.0, 0.1]")
    parsed(training=loss, space="label_smoothing = 0.0")
