"""Names and values as a study file spells them: whatever they are, they come back the same."""

import math
import tomllib
from datetime import UTC, date, datetime, time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studyhall.spaces import spelling

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NAMES = st.one_of(TEXT, st.text("\"\\'.#=[]{}\n\t \x00\x7fäé日", min_size=0, max_size=8))
NUMBERS = st.one_of(st.integers(), st.floats(), st.integers(10**90, 10**120))
MOMENTS = st.one_of(st.dates(), st.times(), st.datetimes(), st.datetimes(timezones=st.just(UTC)))
VALUES = st.recursive(
    st.one_of(NAMES, NUMBERS, st.booleans(), MOMENTS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


def same(one: Any, other: Any) -> bool:
    """Return True if both are equal in type and value; NaN equals NaN."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    nan = isinstance(one, float) and math.isnan(one) and math.isnan(other)
    return type(one) is type(other) and (nan or one == other)


@given(NAMES, VALUES)
def test_any_name_and_value_comes_back_the_same(name: str, value: Any) -> None:
    line = f"{spelling.as_key(name)} = {spelling.as_toml(value)}"
    assert "\n" not in line
    read = tomllib.loads(line)
    assert list(read) == [name] and same(read[name], value)


def test_a_number_that_only_hexadecimal_can_spell_comes_back_the_same() -> None:
    number = int("f" * 5000, 16)
    assert tomllib.loads(f"a = {spelling.as_toml(number)}") == {"a": number}


@pytest.mark.parametrize(
    ("value", "spelled"),
    [
        ("adam", '"adam"'),
        ('size "in"', "'size \"in\"'"),
        (r"C:\Users", r"'C:\Users'"),
        ("it's \\", '"it\'s \\\\"'),
        ("a\nb", r'"a\nb"'),
        ({"hidden act": ["relu", 1e-05, True]}, '{ "hidden act" = ["relu", 1e-05, true] }'),
        ({}, "{}"),
        (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 2, 3, 4), "2026-01-02T03:04:00"),
        (time(1, 2), "01:02:00"),
        (math.inf, "inf"),
    ],
)
def test_values_look_as_a_person_would_write_them(value: object, spelled: str) -> None:
    assert spelling.as_toml(value) == spelled


@pytest.mark.parametrize(
    ("name", "spelled"),
    [("width", "width"), ("dense.units", '"dense.units"'), ("", '""'), ("a\tb", r'"a\tb"')],
)
def test_names_are_quoted_where_they_must_be(name: str, spelled: str) -> None:
    assert spelling.as_key(name) == spelled


def test_control_characters_are_seen() -> None:
    assert (
        spelling.visible("a\x1b[31m\tb\n\u202e…é👨\u200d👩")
        == "a\\x1b[31m\\tb\\n\\u202e…é👨\u200d👩"
    )
    assert spelling.visible("\ta\n", keep="\t") == "\ta\\n"
