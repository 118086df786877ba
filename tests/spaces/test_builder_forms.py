"""The forms of a user's builder: all are called with trial, shape and number of outputs."""

import functools
import inspect
import sys

import optuna
import pytest

from studyhall.spaces import builder_forms, user_code
from studyhall.spaces.failures import UnusableCodeError, UserCodeError

MODULE = """
import functools
import keras_tuner as kt

def plain(trial, input_shape, outputs):
    return trial.suggest_int("units", 1, 9), input_shape, outputs

def of_optuna(trial):
    return trial.suggest_int("units", 1, 9)

def of_keras_tuner(hp):
    return hp.Int("units", 1, 9)

def annotated(h: kt.HyperParameters):
    return h.Int("units", 1, 9)

class Model(kt.HyperModel):
    def build(self, hp):
        return hp.Int("units", 1, 9)

class Sized(kt.HyperModel):
    def __init__(self, most):
        self.most = most

    def build(self, hp):
        return hp.Int("units", 1, self.most)

sized = Sized(9)
method = sized.build
shortened = functools.partial(lambda most, hp: hp.Int("units", 1, most), 9)
short = lambda hp: hp.Int("units", 1, 9)

def two(a, b):
    pass

nothing = 3
"""
FORMS = (
    "of_optuna",
    "of_keras_tuner",
    "annotated",
    "Model",
    "sized",
    "method",
    "shortened",
    "short",
)


@pytest.fixture
def written(tmp_path, monkeypatch):
    """A folder with a user's file."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "forms.py").write_text(MODULE)
    yield tmp_path
    for name in [*user_code._LOADED]:
        sys.modules.pop(name, None)
        del user_code._LOADED[name]


@pytest.mark.parametrize("name", FORMS)
def test_every_form_asks_the_same_trial(written, name):
    build = user_code.load_builder(f"forms.py:{name}", written)

    assert build(optuna.trial.FixedTrial({"units": 4}), (3,), 2) == 4


def test_the_full_form_is_left_as_it_is(written):
    build = user_code.load_builder("forms.py:plain", written)

    assert build(optuna.trial.FixedTrial({"units": 4}), (3,), 2) == (4, (3,), 2)


@pytest.mark.parametrize(
    ("name", "mistake"),
    [
        ("two", "two takes (a, b), expected (trial, input_shape, outputs), (trial) or (hp)"),
        ("nothing", "nothing is a value of type int"),
        ("Sized", "Sized is a class that needs arguments"),
        ("gone", 'no function "gone"'),
    ],
)
def test_what_builds_nothing_is_refused(written, name, mistake):
    with pytest.raises(UserCodeError) as refused:
        user_code.load_builder(f"forms.py:{name}", written)
    assert mistake in str(refused.value)


def test_a_class_without_build_is_refused():
    with pytest.raises(UnusableCodeError, match="int is a class without a method build"):
        builder_forms.adapted(int, "int")


def test_an_argument_is_keras_tuners_by_name_or_annotation():
    def told(function):
        return builder_forms.takes_hp(inspect.signature(function).parameters.values())

    assert told(lambda hp: 0) and told(functools.partial(lambda a, hps: 0, 1))
    assert not told(lambda trial: 0)
