"""Every public name of KerasTuner is there, and every public method of its classes."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import pathlib
import pkgutil
import sys

import keras_tuner
import pytest

import studyhall.keras_tuner as kt
from studyhall.keras_tuner import own_oracle
from studyhall.search.process import stand_ins

pytestmark = pytest.mark.part(9)

MODULES = [keras_tuner.__name__] + [
    each.name
    for each in pkgutil.walk_packages(keras_tuner.__path__, "keras_tuner.")
    if ".src" not in each.name
]
(PLACE,) = importlib.util.find_spec("kerastuner").submodule_search_locations
OLDER = [
    ".".join(["kerastuner", *each.relative_to(PLACE).with_suffix("").parts])
    for each in sorted(pathlib.Path(PLACE).rglob("*.py"))
    if each.stem not in ("__init__", "logger", "stateful")
] + ["kerastuner", "kerastuner.engine", "kerastuner.oracles", "kerastuner.tuners"]
# Public methods of KerasTuner's classes that ours have not, each with the reason.
WITHOUT = {
    "to_proto": "for KerasTuner's own servers, which workers do not need",
    "from_proto": "likewise",
    "load": "of a file of KerasTuner's, which no study writes",
    "save": "to such a file",
    "reload": "from such a file",
    "create_trial": "workers claim trials from the database",
    "populate_space": "the study's sampler suggests values",
    "score_trial": "the study records values",
    "value_to_prob": "for KerasTuner's own oracles",
    "verbose": "the study shows its progress itself",
}


@pytest.fixture
def standing_in(monkeypatch):
    """Ours answer for KerasTuner, as in `studyhall run`, until the test ends."""
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    roots = ("keras_tuner", "kerastuner")
    before = {name: each for name, each in sys.modules.items() if name.partition(".")[0] in roots}
    for name in before:
        del sys.modules[name]
    sys.meta_path.insert(0, stand_ins._Finder())
    yield
    for name in [each for each in sys.modules if each.partition(".")[0] in roots]:
        del sys.modules[name]
    sys.modules.update(before)


def public(module):
    """The public names that a module of KerasTuner exports."""
    return [name for name in vars(module) if not name.startswith("_") and name != "src"]


@pytest.mark.parametrize("name", MODULES)
def test_each_module_has_every_public_name(name, standing_in):
    ours = importlib.import_module(name)
    assert [each for each in THEIRS[name] if not hasattr(ours, each)] == []


THEIRS = {name: public(importlib.import_module(name)) for name in MODULES}
CLASSES = {
    (module, name): getattr(importlib.import_module(module), name)
    for module in MODULES
    if "applications" not in module
    for name in THEIRS[module]
    if inspect.isclass(getattr(importlib.import_module(module), name))
}


@pytest.mark.parametrize("name", OLDER)
def test_older_modules_are_found(name, standing_in):
    importlib.import_module(name)


def test_every_module_is_an_attribute_of_the_plain_import():
    for name in MODULES[1:]:
        assert functools.reduce(getattr, name.split(".")[1:], kt)


@pytest.mark.parametrize(("module", "name"), CLASSES)
def test_each_class_has_every_public_method(module, name):
    theirs = CLASSES[module, name]
    ours = functools.reduce(getattr, [*module.split(".")[1:], name], kt)
    missing = {each for each in dir(theirs) if each[0] != "_" and not hasattr(ours, each)}
    assert missing <= WITHOUT.keys()


ORACLES = [
    each
    for each in CLASSES.values()
    if issubclass(each, keras_tuner.Oracle) and each is not keras_tuner.Oracle
]
# Methods of an oracle that a study or a script calls, so that one's own is honoured.
CALLED = {"get_space", "update_space", "get_trial", "get_best_trials", "remaining_trials",
          "get_state", "set_state", "save", "reload", "verbose"}  # fmt: skip
METHODS = sorted({
    name for kind in (keras_tuner.Oracle, *ORACLES) for name, held in vars(kind).items()
    if inspect.isfunction(held) and not name.startswith("__") and name not in CALLED
})  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_an_oracle_with_a_method_of_its_own_that_no_study_calls_is_refused(method):
    for base in (kt.Oracle, kt.oracles.RandomSearchOracle, kt.oracles.HyperbandOracle):
        mine = type("Mine", (base,), {method: lambda self, *args: None})("val_loss")
        try:
            own_oracle.check(mine)
        except ValueError as error:
            said = str(error)
        else:
            said = own_oracle.refusal(mine) or ""
        assert said.startswith("oracle: received Mine with") and method in said
        assert "\n" not in said


def test_oracles_of_ours_are_not_refused_nor_those_that_only_prepare_them():
    class Mine(kt.oracles.BayesianOptimizationOracle):
        def __init__(self, **kwargs):
            super().__init__("val_loss", max_trials=4, **kwargs)

        def get_best_trials(self, num_trials=1):
            return super().get_best_trials(num_trials + 1)

    for oracle in (Mine(), kt.oracles.GridSearchOracle("val_loss")):
        own_oracle.check(oracle)
        assert own_oracle.refusal(oracle) is None
    assert "expected RandomSearchOracle" in own_oracle.refusal(kt.Oracle("val_loss"))
    with pytest.raises(ValueError, match="of type str, expected RandomSearchOracle"):
        own_oracle.check("random")
