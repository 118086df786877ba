"""Numbers that no database, 32-bit float or machine holds: refused in a line that names the key."""

import math
from typing import Any

import pytest

from studyhall.search.cli.options import finite, more
from studyhall.search.launcher import places
from studyhall.search.study_file import config, reference
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.limits import MOST, MOST_LOSS, MOST_TIME
from studyhall.search.study_file.sections import StudyFile
from studyhall.spaces import hyperparameters
from studyhall.spaces.entry_checks import MOST as MOST_CHOICE
from studyhall.spaces.entry_checks import MOST_FLOAT
from studyhall.spaces.legal import LARGEST

BARE: dict[str, Any] = {"study": {"name": "x"}, "data": {"source": "sklearn:iris"}}
NUMBERS = (
    -1, 0, 1, 2**31, 2**53 + 1, 2**63, 10**19, 10**400, -(10**400), int("f" * 5000, 16),
    1e-320, 1e39, 1e308, -1e308, math.inf, -math.inf, math.nan,
)  # fmt: skip
KEYS = [
    each
    for table in StudyFile.model_fields
    for each in reference.of_table(table)
    if "number" in each.expected
]
FORMS: dict[str, Any] = {
    "a value": lambda n: n,
    "a choice": lambda n: [n, 1],
    "choices with a float": lambda n: [n, 0.5],
    "low": lambda n: {"low": n, "high": 10},
    "high": lambda n: {"low": 1, "high": n},
    "high, log": lambda n: {"low": 0.5, "high": n, "log": True},
    "step": lambda n: {"low": 0, "high": 1.0, "step": n},
    "whole steps": lambda n: {"low": 0, "high": 10, "step": n},
    "layers": lambda n: {"value": [n, n], "per_layer": True},
    "log": lambda n: {"low": 1, "high": 3, "log": n},
    "when": lambda n: {"choices": [1, 2], "when": {"batch_size": n}},
}


def checked(**tables: Any) -> config.StudyFile | list[str]:
    """A study file with these tables, or its mistakes."""
    try:
        return config.from_dict({**BARE, **tables})
    except ConfigError as error:
        return error.problems


def numbers_in(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [n for each in value.values() for n in numbers_in(each)]
    if isinstance(value, list | tuple):
        return [n for each in value for n in numbers_in(each)]
    return [value] if isinstance(value, int | float) else []


@pytest.mark.parametrize("key", KEYS, ids=lambda key: f"{key.table}.{key.name}")
def test_every_number_of_a_study_file(key: reference.Key) -> None:
    most = max(MOST_TIME, MOST, 2**32 - 1) if key.name != "min_delta" else MOST_LOSS
    for number in NUMBERS:
        table = {**BARE.get(key.table, {}), key.name: number}
        found = checked(**{key.table: table})
        if isinstance(found, list):
            assert found[0].startswith(f"stored study: [{key.table}] {key.name}: received ")
            assert all(len(line) < 500 and "\n" not in line for line in found)
        else:
            assert 0 <= number <= most or key.name == "target"  # a value of any objective


@pytest.mark.sampled(6)
@pytest.mark.parametrize("family", ["mlp", "cnn", "mine.py:build"])
@pytest.mark.parametrize("form", FORMS)
def test_every_number_of_a_space(family: str, form: str) -> None:
    own = [] if family in hyperparameters.BUILT_IN_FAMILIES else ["own.name"]
    for name in [*hyperparameters.known(family), *own]:
        for number in NUMBERS:
            space = {
                name: FORMS[form](number),
                **({} if name == "batch_size" else {"batch_size": 1}),
            }
            for further in ({}, {"search": {"sampler": "grid"}}, {"trials": [{name: number}]}):
                found = checked(model={"family": family}, space=space, **further)
                if isinstance(found, list):
                    assert all(line.startswith("stored study: [") for line in found)
                    assert all(len(line) < 700 and "\n" not in line for line in found)
                else:
                    most = LARGEST if name != "own.name" else max(1e308, MOST_CHOICE)
                    assert all(abs(n) <= most for n in numbers_in(dict(found.space)))


@pytest.mark.parametrize(
    ("tables", "line"),
    [
        ({"study": {"name": "x", "trials": 10**20}}, "[study] trials: received 1{0}, expected a "
         "whole number ≥ 1 and ≤ 2147483647"),
        ({"study": {"name": "x", "artifacts_max_gib": 1e300}}, "[study] artifacts_max_gib: "
         "received 1e+300, expected a number > 0 and ≤ 1000000000"),
        ({"space": {"width": [10**20]}}, "[space] width: received 1{0}, expected a whole number "
         "≥ 1 and ≤ 1000000"),
        ({"space": {"depth": 2000}}, "[space] depth: received 2000, expected a whole number ≥ 1 "
         "and ≤ 100"),
        ({"space": {"learning_rate": 1e308}}, "[space] learning_rate: received 1e+308, expected a "
         "number > 0 that a 32-bit float holds, from 1.2e-38 to 3.4e+38"),
        ({"space": {"l2": 1e-50}}, "[space] l2: received 1e-50, expected a number ≥ 0 that a "
         "32-bit float holds, from 1.2e-38 to 3.4e+38"),
        ({"space": {"dropout": {"low": 0.0, "high": 0.5, "step": 1e-40}}}, "[space] dropout: "
         "received step = 1e-40, expected at least 5e-16, so that the range has at most "
         "1e+15 steps"),
        ({"space": {"width": {"low": 1, "high": 10**6}, "batch_size": {"low": 1, "high": 99}},
          "search": {"sampler": "grid"}}, '[search] sampler: received "grid" with 9.9e+07 points, '
         "expected at most 1000000 points, or another sampler"),
        ({"model": {"family": "a.py:b"}, "space": {"n": {"low": 0, "high": 2**60}}}, "[space] n: "
         "received high = 1152921504606846976, expected a number from −9007199254740992 to "
         "9007199254740992"),
        ({"model": {"family": "a.py:b"}, "trials": [{"n": 2**64}]}, "[[trials]] 1 n: received "
         "18446744073709551616, expected a number, a string, true or false"),
    ],
)  # fmt: skip
def test_the_limit_is_told(tables: dict[str, Any], line: str) -> None:
    assert checked(**tables) == [f"stored study: {line.replace('{0}', '0' * 20)}"]


def test_the_limit_is_told_only_where_it_matters() -> None:
    line = 'stored study: [training] patience: received 0, expected a whole number ≥ 1 or "none"'
    assert checked(training={"patience": 0}) == [line]


@pytest.mark.parametrize("written", ["+9999999999", "9" * 5000, "2147483648", "+2147483647"])
def test_more_trials_than_a_database_counts(written: str) -> None:
    with pytest.raises(ConfigError, match=f"or the new total, at least 10, at most {MOST}"):
        more(written, 10)
    assert more(f"+{MOST - 10}", 10) == MOST - 10


@pytest.mark.parametrize("workers", ["9" * 5000, "99999", "-1", "1e3", "٣" * 30])
def test_more_workers_than_a_machine_runs(workers: str) -> None:
    file = config.from_dict(BARE)
    with pytest.raises(ConfigError, match=r"^command line: \[workers\] count: received "):
        places.devices(file, places.given(workers, None, None), "x.toml")


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_options_take_finite_numbers_only(number: float) -> None:
    import typer

    with pytest.raises(typer.BadParameter, match="expected a finite number"):
        finite(number)
    assert finite(0.5) == 0.5 and finite(None) is None


def test_what_a_range_of_the_users_own_may_span() -> None:
    ends = {"low": -MOST_FLOAT, "high": MOST_FLOAT}
    assert not isinstance(checked(model={"family": "a.py:b"}, space={"x": ends}), list)
