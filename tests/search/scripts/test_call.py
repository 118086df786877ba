"""A script's search as a study file: its name, its objective, its keys."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studyhall.search.scripts import call
from studyhall.search.scripts.call import Call
from studyhall.search.scripts.script import Script
from studyhall.search.study_file import objectives, study_names
from studyhall.search.study_file.config_error import ConfigError

SCRIPT = Script("tune.py", "/somewhere", ("--fast",))


def made(**changes):
    return Call(**{"name": "digits", "run": lambda trial: 0.0, "trials": 3, **changes})


@given(st.text())
def test_every_name_becomes_one_that_a_study_may_have(name):
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", study_names.legal(name))
    assert study_names.legal(study_names.legal(name)) == study_names.legal(name)


@given(st.from_regex(r"(val_)?[a-z][a-z0-9_]*", fullmatch=True))
def test_an_objective_is_the_metric_that_keras_logs(logged):
    assert objectives.recorded(call.objective_of(logged)) == logged


def test_the_command_line_goes_before_the_script():
    given = {"study": {"trials": 9}, "training": {"checkpoint_every_s": 0.0}}
    file = call.study_file(made(direction="maximize", pruner="hyperband"), SCRIPT, given)

    assert file.study.trials == 9 and file.study.direction == "maximize"
    assert file.training.checkpoint_every_s == 0.0 and file.search.pruner == "hyperband"
    assert file.model.is_own and file.data.source == "tune.py"


def test_a_wrong_value_is_told_in_the_words_of_a_study_file():
    with pytest.raises(ConfigError, match=r"tune.py: \[study\] trials: received 0"):
        call.study_file(made(trials=0), SCRIPT, {})
