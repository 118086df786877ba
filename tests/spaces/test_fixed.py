"""Fixed trials as Optuna's parameters; their mistakes are tested with the study file."""

import optuna

from studyhall.spaces import fixed
from studyhall.spaces.space import read_space

SPACE = read_space(
    {
        "depth": {"low": 1, "high": 3},
        "width": {"low": 4, "high": 64, "per_layer": True},
        "dropout": {"low": 0.0, "high": 0.5, "step": 0.1},
        "optimizer": ["adam", "nesterov"],
        "momentum": {"low": 0.5, "high": 0.9, "when": {"optimizer": "nesterov"}},
        "l2": 0.001,
    },
    family="mlp",
)


def values(table):
    """Return the values of a trial whose fixed parameters are those of the table."""
    assert [*fixed.problems([table], SPACE, family="mlp")] == []
    (trial,) = fixed.read([table], SPACE)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.enqueue_trial(dict(trial.params))
    return SPACE.suggest(study.ask())


def test_what_is_named_is_taken():
    given = {"depth": 2, "width": [4, 8], "dropout": 0.3, "optimizer": "nesterov"}
    taken = values({**given, "momentum": 0.7, "l2": 0.001, "name": "a"})
    assert abs(taken.pop("dropout") - given.pop("dropout")) < 1e-9
    assert taken == {**given, "momentum": 0.7, "l2": 0.001}


def test_one_value_serves_all_layers_and_whole_numbers_are_floats_too():
    taken = values({"depth": 3, "width": 16, "dropout": 0})
    assert taken["width"] == [16, 16, 16] and taken["dropout"] == 0.0


def test_what_is_not_named_is_drawn():
    (trial,) = fixed.read([{"dropout": 0.1}], SPACE)
    assert trial.params == {"dropout": 0.1}
    assert values({"dropout": 0.1}).keys() >= {"depth", "width", "optimizer"}


def test_a_function_of_the_users_may_ask_for_more():
    space = read_space({"learning_rate": 0.1}, family="mine.py:build")
    table = {"name": "mine", "layers": 3, "learning_rate": 0.1}
    assert [*fixed.problems([table], space, family="mine.py:build")] == []
    assert fixed.read([table], space) == [fixed.FixedTrial("mine", {"layers": 3})]
    odd = [*fixed.problems([{"layers": [1, 2]}], space, family="mine.py:build")]
    assert odd == [(1, "layers", "[1, 2]", "a number, a string, true or false")]
