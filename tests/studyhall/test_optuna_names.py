"""Whatever a script names of Optuna's is there: ours where it is, else Optuna's own."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import optuna as plain
import pytest

from studyhall import optuna

MODULES = [
    each.name
    for each in pkgutil.iter_modules(plain.__path__)
    if not each.name.startswith("_") and each.name not in ("cli", "testing")
]
OURS = {"Study", "Trial", "create_study", "load_study", "study", "trial"}


@pytest.mark.parametrize("name", plain.__all__)
def test_every_public_name_is_there(name):
    assert name in dir(optuna)
    found = getattr(optuna, name)
    assert name in OURS or found is getattr(plain, name)


@pytest.mark.parametrize("module", MODULES)
def test_every_module_is_there(module):
    theirs = importlib.import_module(f"optuna.{module}")
    ours = importlib.import_module(f"studyhall.optuna.{module}")
    assert theirs.__name__ == f"optuna.{module}"
    if module not in OURS:
        assert ours is theirs and hasattr(optuna, module)
        return
    for name in theirs.__all__:
        assert name in OURS or getattr(ours, name) is getattr(theirs, name)


def test_studies_and_trials_are_ours_wherever_they_are_named():
    assert optuna.study.Study is optuna.Study is not plain.Study
    assert optuna.study.create_study is optuna.create_study
    assert optuna.trial.Trial is optuna.Trial


@pytest.mark.parametrize("module", [optuna, optuna.study, optuna.trial])
def test_a_name_that_optuna_has_not_is_missing(module):
    for name in ("sampler", "_imports"):
        with pytest.raises(AttributeError, match=f"has no attribute '{name}'"):
            getattr(module, name)
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'studyhall\.optuna\.sampler'"):
        importlib.import_module("studyhall.optuna.sampler")


def test_plots_are_imported_when_they_are_asked_for():
    program = (
        "import sys\nfrom studyhall import optuna\n"
        "from studyhall.optuna.samplers import TPESampler\n"
        "assert not {'plotly', 'keras'} & {*sys.modules}\n"
        "assert TPESampler is optuna.samplers.TPESampler\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
