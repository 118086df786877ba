"""The study file's words become Optuna's samplers and the storage's pruners."""

import optuna
import pytest

from studyhall.search.study_file import config
from studyhall.search.trial import sampling
from studyhall.search.trial.sampling import noting
from studyhall.spaces import space
from studyhall.storage.sampling import pruning
from studyhall.storage.sampling.predictive_pruning import Predictive


def parsed(study_file, **changes):
    file = config.parse(study_file(**changes))
    return file, space.read_space(dict(file.space), family=file.model.family)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("auto", optuna.samplers.TPESampler),
        ("tpe", optuna.samplers.TPESampler),
        ("random", optuna.samplers.RandomSampler),
        ("cmaes", optuna.samplers.BaseSampler),
        ("qmc", optuna.samplers.QMCSampler),
    ],
)
def test_each_sampler_by_its_name(study_file, name, kind):
    file, read = parsed(study_file, search={"sampler": name})
    factory = sampling.sampler_factory(file, read)
    assert isinstance(factory(7), kind) and factory(7) is not factory(7)


def test_a_sampler_of_one_seed_proposes_the_same(study_file):
    file, read = parsed(study_file, space={"dropout": {"low": 0.0, "high": 0.5}})
    factory = sampling.sampler_factory(file, read)

    def proposed(seed):
        return read.suggest(optuna.create_study(sampler=factory(seed)).ask())

    assert proposed(3) == proposed(3) != proposed(4)


def test_a_grid_is_every_value_of_what_is_searched(study_file):
    file, read = parsed(
        study_file,
        search={"sampler": "grid"},
        space={
            "learning_rate": {"low": 0.25, "high": 0.75, "step": 0.25},
            "optimizer": ["adam", "sgd"],
            "depth": {"low": 1, "high": 3},
            "batch_size": 32,
            "batch_norm": [True, False],
        },
    )
    assert sampling.grid(read) == {
        "learning_rate": [0.25, 0.5, 0.75],
        "optimizer": ["adam", "sgd"],
        "depth": [1, 2, 3],
        "batch_norm": [True, False],
    }
    assert isinstance(sampling.sampler_factory(file, read)(0), optuna.samplers.GridSampler)


def test_a_grid_over_widths_per_layer(study_file):
    _, read = parsed(
        study_file,
        search={"sampler": "grid"},
        space={
            "learning_rate": 0.1,
            "depth": {"low": 1, "high": 2},
            "width": {"low": 8, "high": 16, "step": 8, "per_layer": True},
        },
    )
    found = sampling.grid(read)
    assert found.pop("depth") == [1, 2]
    assert len(found) == 2 and all(values == [8, 16] for values in found.values())


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ({"pruner": "auto"}, Predictive),
        ({"pruner": "median"}, pruning.Percentile),
        ({"pruner": "percentile", "pruner_percentile": 10.0}, pruning.Percentile),
        ({"pruner": "hyperband"}, pruning.Hyperband),
        ({"pruner": "none"}, pruning.Never),
    ],
)
def test_each_pruner_by_its_name(study_file, written, kind):
    file, _ = parsed(study_file, search=written)
    assert type(sampling.pruner(file, "iris")) is kind


def test_each_suggestion_is_noted_and_is_the_trials_own():
    trial = optuna.trial.FixedTrial({"units": 3, "rate": 0.1, "how": "relu"})
    noted = []
    careful = noting(trial, lambda: noted.append(dict(trial.params)))
    assert careful.suggest_int("units", 1, 9) == 3
    assert careful.suggest_float("rate", 0.0, high=1.0) == 0.1
    assert careful.suggest_categorical("how", choices=["relu", "tanh"]) == "relu"
    assert [list(params) for params in noted] == [
        ["units"],
        ["units", "rate"],
        ["units", "rate", "how"],
    ]
    assert careful.params == trial.params and careful.number == trial.number and len(noted) == 3
