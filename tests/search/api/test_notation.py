"""The search space as Python writes it."""

import numpy as np
import pandas as pd
import pytest

from studyhall.search.api import notation
from studyhall.search.study_file.config_error import ConfigError
from studyhall.spaces.space import read_space


def test_tuples_are_ranges_and_lists_are_choices():
    written = {
        "learning_rate": (1e-4, 1e-1, "log"),
        "depth": (1, 3),
        "dropout": (0.0, 0.5, 0.1),
        "optimizer": ["adam", "sgd"],
        "l2": 0.01,
        "momentum": {"low": 0.0, "high": 0.9, "when": {"optimizer": "sgd"}},
    }
    assert notation.space(written, "digits") == {
        "learning_rate": {"low": 1e-4, "high": 1e-1, "log": True},
        "depth": {"low": 1, "high": 3},
        "dropout": {"low": 0.0, "high": 0.5, "step": 0.1},
        "optimizer": ["adam", "sgd"],
        "l2": 0.01,
        "momentum": {"low": 0.0, "high": 0.9, "when": {"optimizer": "sgd"}},
    }


def test_numbers_of_numpy_are_numbers():
    written = {
        "depth": (np.int64(1), np.int64(2)),
        "dropout": [np.float32(0.5)],
        "l2": np.float64(0.1),
    }
    found = notation.space(written, "digits")
    read_space(found, family="mlp")
    assert found == {"depth": {"low": 1, "high": 2}, "dropout": [0.5], "l2": 0.1}
    assert type(found["depth"]["low"]) is int


def test_all_tuples_that_are_no_ranges_are_refused_at_once():
    with pytest.raises(ConfigError) as refused:
        notation.space({"depth": (1,), "l2": (0.1, 0.2, "linear"), "width": (True, 3)}, "digits")
    first, *others = refused.value.problems
    assert first.startswith("digits: [space] depth: received (1,), expected (low, high)")
    assert len(others) == 2


@pytest.mark.parametrize(
    "written",
    [
        [1, 3],
        np.array([1, 3]),
        np.array([1, 3], object),
        pd.Series([1, 3]),
        {"choices": (1, 3)},
        {"choices": np.array([1, 3])},
        [np.int8(1), np.array(3)],
    ],
)
def test_arrays_series_and_tuples_of_a_table_are_lists(written):
    found = notation.space({"depth": written}, "digits")["depth"]
    assert (found if isinstance(found, list) else found["choices"]) == [1, 3]


@pytest.mark.parametrize("written", ["depth", 5, [("depth", 1)], np.array([1, 2]), None, {"depth"}])
def test_a_space_is_a_dictionary(written):
    with pytest.raises(ConfigError) as refused:
        notation.space(written, "digits")
    (line,) = refused.value.problems
    assert line.startswith("digits: space: received ") and "expected a dictionary" in line


@pytest.mark.parametrize(
    "written",
    [None, {1, 2}, (each for each in (1, 2)), object(), len, b"x", 1j, [None], {"low": None},
     {"when": {"depth": {1}}}, pd.NA, (pd.NA, 3), [[1], {2}]],
)  # fmt: skip
def test_what_no_study_file_holds_is_refused_in_one_line(written):
    with pytest.raises(ConfigError) as refused:
        notation.space({"depth": written, "width": 3}, "digits")
    (line,) = refused.value.problems
    assert line.startswith("digits: [space] depth: received ") and "\n" not in line


@pytest.mark.parametrize("written", [5, [1], "depth", [{"depth"}], np.array([1])])
def test_fixed_trials_are_dictionaries(written):
    with pytest.raises(ConfigError, match=r"digits: trials: received .* a list of dictionaries"):
        notation.tables(written, "digits")
    assert notation.tables([{"depth": np.int64(2)}], "digits") == [{"depth": 2}]
