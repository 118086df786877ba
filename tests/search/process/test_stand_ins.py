"""While a script runs, KerasTuner's names and Optuna's studies are ours."""

import importlib
import sys

import optuna
import pytest

from studyhall.search.process import stand_ins


@pytest.fixture(autouse=True)
def undone(monkeypatch):
    """Nothing stands in for anything once a test is over."""
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    before = {name: each for name, each in sys.modules.items() if name.startswith("kera")}
    for module in (optuna, optuna.study):
        monkeypatch.setattr(module, "create_study", module.create_study)
        monkeypatch.setattr(module, "load_study", module.load_study)
    yield
    for name in [each for each in sys.modules if each.startswith(("keras_tuner", "kerastuner"))]:
        del sys.modules[name]
    sys.modules.update(before)


NAMES = {
    "keras_tuner": ["RandomSearch", "HyperModel", "HyperParameters", "Objective", "oracles"],
    "kerastuner": ["Hyperband"],
    "keras_tuner.tuners": ["RandomSearch", "BayesianOptimization", "Hyperband", "GridSearch"],
    "kerastuner.tuners": ["RandomSearch"],
    "keras_tuner.tuners.randomsearch": ["RandomSearch"],
    "keras_tuner.oracles": ["RandomSearch", "BayesianOptimizationOracle"],
    "keras_tuner.engine": ["hyperparameters", "tuner", "hypermodel"],
    "keras_tuner.engine.hyperparameters": ["HyperParameters"],
    "kerastuner.engine.hyperparameters": ["HyperParameters"],
    "keras_tuner.engine.hypermodel": ["HyperModel"],
    "keras_tuner.engine.tuner": ["Tuner"],
    "keras_tuner.engine.oracle": ["Oracle"],
    "keras_tuner.engine.objective": ["Objective"],
    "keras_tuner.engine.trial": ["Trial", "TrialStatus"],
    "keras_tuner.src.engine.tuner": ["Tuner"],
    "keras_tuner.applications": ["HyperResNet", "HyperXception"],
}


@pytest.mark.parametrize("name", NAMES)
def test_each_module_that_scripts_import_has_the_names_that_they_use(name):
    stand_ins.install()
    module = importlib.import_module(name)
    for each in NAMES[name]:
        found = getattr(module, each)
        if isinstance(found, type) and "applications" not in name:  # those are KerasTuner's own
            assert found.__module__.startswith("studyhall.")


def test_our_own_modules_keep_their_names():
    stand_ins.install()
    importlib.import_module("keras_tuner.engine.hyperparameters")
    ours = importlib.import_module("studyhall.spaces.hp.hyperparameters")
    assert ours.__name__ == ours.__spec__.name == "studyhall.spaces.hp.hyperparameters"


def test_a_module_that_is_not_there_is_missing():
    stand_ins.install()
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("keras_tuner.nothing")


def test_optunas_studies_are_ours():
    stand_ins.install()
    assert optuna.create_study.__module__.startswith("studyhall.optuna")
    from optuna import create_study, load_study

    assert create_study is optuna.study.create_study
    assert load_study.__module__.startswith("studyhall.optuna")


def test_where_keras_tuner_is_installed_a_builders_file_gets_it():
    stand_ins.install_where_missing()
    stand_ins.install_where_missing()
    assert importlib.import_module("keras_tuner").__spec__.origin.endswith("__init__.py")
    assert sum(type(each).__module__ == stand_ins.__name__ for each in sys.meta_path) <= 1
