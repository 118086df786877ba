"""The reference of all keys of the study file, for new files, messages and the README."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from studyhall.search.study_file.file_table import Section, meanings
from studyhall.search.study_file.limits import MOST, MOST_LOSS, MOST_TIME
from studyhall.search.study_file.sections import StudyFile
from studyhall.spaces import spelling


@dataclass(frozen=True)
class Key:
    """One key of one table.

    Attributes:
        table, name: The table and the key's name in it.
        meaning: One line, with the unit.
        expected: Type and bounds in words: ``a whole number ≥ 1``.
        choices: All legal strings, if the value is one of a few.
        default: As TOML; "" if the key has no default.
        required: True if the key must be written.
    """

    table: str
    name: str
    meaning: str
    expected: str
    choices: tuple[str, ...]
    default: str
    required: bool


@functools.cache
def of_table(table: str) -> tuple[Key, ...]:
    """Return the keys of one table; none for ``[space]``, whose names are hyperparameters."""
    section = StudyFile.model_fields[table].annotation
    if not (isinstance(section, type) and issubclass(section, Section)):
        return ()
    schemas = section.model_json_schema()["properties"]
    return tuple(_key(table, name, section, schemas[name]) for name in section.model_fields)


def find(table: str, name: str) -> Key | None:
    """Return the key of that name in that table; None if there is none."""
    return next((key for key in of_table(table) if key.name == name), None)


def _key(table: str, name: str, section: type[Section], schema: dict[str, Any]) -> Key:
    field = section.model_fields[name]
    has_default = not field.is_required() and field.default is not None
    return Key(
        table=table,
        name=name,
        meaning=meanings(section).get(name, ""),
        expected=in_words(schema),
        choices=tuple(schema.get("enum", ())),
        default=spelling.as_toml(field.default) if has_default else "",
        required=field.is_required(),
    )


def in_words(schema: dict[str, Any]) -> str:
    """Describe the JSON schema of one value: ``a whole number ≥ 1 or "none"``."""
    if "expected" in schema:
        return str(schema["expected"])
    if "anyOf" in schema:
        return " or ".join(in_words(part) for part in schema["anyOf"] if part != {"type": "null"})
    if "const" in schema:
        return spelling.as_toml(schema["const"])
    if "enum" in schema:
        return f"one of {', '.join(schema['enum'])}"
    named = {name: sign for name, sign in _SIGNS.items() if schema.get(name) is not None}
    told = [name for name in named if schema[name] not in TECHNICAL]
    bounds = [f"{named[name]} {_short(schema[name])}" for name in told]
    return f"{_KINDS[schema['type']]} {' and '.join(bounds)}".strip()


def _short(bound: float) -> float:
    """0 for 0.0: some versions of pydantic write the one, some the other."""
    return int(bound) if bound == int(bound) else bound


_KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "string": "text in quotes",
    "array": "a list",
}
TECHNICAL = (MOST, MOST_TIME, MOST_LOSS)
_SIGNS = {"exclusiveMinimum": ">", "minimum": "≥", "exclusiveMaximum": "<", "maximum": "≤"}
