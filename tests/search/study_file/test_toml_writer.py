"""The study file that is written of a checked study says the same as the study."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from studyhall.search.study_file import config, toml_writer

TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    st.text("\"\\'.#=[]{}\n\t \x00\x7fé日", max_size=8),
    st.sampled_from(['a"b', r"C:\data", "two\nlines", "C:\\new\n'\"", "\u202e"]),
)
NUMBERS = st.one_of(st.integers(), st.floats(allow_nan=False))
VALUES = st.recursive(
    st.one_of(TEXTS, NUMBERS, st.booleans()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
TABLES = st.dictionaries(TEXTS, VALUES, max_size=4)


@given(st.dictionaries(TEXTS, TABLES, max_size=3), TEXTS)
def test_any_tables_come_back_the_same(tables: dict[str, dict[str, Any]], said: str) -> None:
    document = tomlkit.document()
    toml_writer.comment(document, said)
    for name, values in tables.items():
        toml_writer.add(document, name, toml_writer.table(values))
    assert tomllib.loads(tomlkit.dumps(document)) == tables


@given(TABLES, st.lists(TABLES, min_size=1, max_size=3), TEXTS, TEXTS)
def test_any_space_and_fixed_trials_come_back_the_same(
    space: dict[str, Any], trials: list[dict[str, Any]], source: str, target: str
) -> None:
    study = {"name": "x", "storage": "sqlite:///elsewhere.db", "trials": 5}
    checked = {"study": study, "data": {"source": source, "target": target}}
    text = toml_writer.text({**checked, "space": space, "trials": trials})
    del study["storage"]
    expected = {**checked, "trials": trials, **({"space": space} if space else {})}
    assert tomllib.loads(text) == expected


NAMES = ['a"b', r"C:\data", "two\nlines", "[/degC]", "it's", "é日", "\x00"]


@pytest.mark.parametrize("name", NAMES)
def test_the_written_file_is_checked_to_the_same(name: str) -> None:
    tables = {
        "study": {"name": "x"},
        "data": {"source": "C:/data/my.csv", "target": name},
        "model": {"family": "my_model.py:build"},
        "space": {name: [name, "b"]},
    }
    study_file = config.from_dict(tables)
    assert config.parse(toml_writer.text(config.to_dict(study_file))) == study_file
