"""What is wrong with a study file, in the user's words: ``[table] key: received …, expected …``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from search.sections import FAMILIES, USER_FAMILY, Section, nearest, one_of

LONGEST = 80  # characters of a received value that are shown
SECRET = ("study", "storage")  # may carry a password


@dataclass(frozen=True)
class Mistake:
    """One mistake; ``table`` is None for a key outside of all tables, ``key`` for a whole table."""

    table: str | None
    key: str | None
    received: str
    expected: str

    def __str__(self) -> str:
        place = " ".join(part for part in (self.table and f"[{self.table}]", self.key) if part)
        return f"{place}: received {self.received}, expected {self.expected}"


def of_models(error: ValidationError, tables: dict[str, Any], file: type[Section]) -> list[Mistake]:
    """One mistake per key that the models refused, in the models' order."""
    found: dict[tuple[object, ...], Mistake] = {}
    for detail in error.errors(include_url=False):
        place = detail["loc"][:2]
        mistake = _of_table(detail, file) if len(place) == 1 else _of_key(detail, tables, file)
        # A union tells of each of its members: one line for the key is enough.
        found.setdefault(place, mistake)
    return list(found.values())


def of_space(tables: dict[str, Any]) -> list[Mistake]:
    """The mistakes of ``[space]``, also where other tables have some."""
    from spaces import space

    table = tables.get("space", {})
    if not isinstance(table, dict):
        return []
    try:
        entries = space.read_space(table, family=_family(tables))
    except space.SpaceError as error:
        return [Mistake("space", *problem) for problem in error.problems]
    return _not_in_a_grid(entries) if _written(tables, "search", "sampler") == "grid" else []


def shown(value: object) -> str:
    """A value as the study file writes it, cut where it is long."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except TypeError:  # a date or a time, which TOML knows
        text = str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def expected(model: type[BaseModel], key: str) -> str:
    """What a key takes, in words, from its type and bounds: ``a whole number ≥ 1``."""
    return _in_words(model.model_json_schema()["properties"][key])


def _of_table(detail: Any, file: type[Section]) -> Mistake:
    table = str(detail["loc"][0])
    if detail["type"] == "missing":
        needed = [k for k, f in _section(file, table).model_fields.items() if f.is_required()]
        return Mistake(table, None, "nothing", f"this table, with {' and '.join(needed)}")
    if detail["type"] != "extra_forbidden":
        return Mistake(table, None, shown(detail["input"]), "a table")
    if isinstance(detail["input"], dict):
        return Mistake(table, None, "an unknown table", _bracketed(table, file))
    homes = [name for name in file.model_fields if table in _keys(file, name)]
    inside = f"it inside of [{homes[0]}]" if homes else "tables only: " + _bracketed("", file)
    return Mistake(None, table, "a key outside of every table", inside)


def _of_key(detail: Any, tables: dict[str, Any], file: type[Section]) -> Mistake:
    table, key = str(detail["loc"][0]), str(detail["loc"][1])
    if detail["type"] == "extra_forbidden":
        return Mistake(table, key, "an unknown key", _known_keys(table, key, file))
    wanted = expected(_section(file, table), key)
    if detail["type"] == "missing":
        return Mistake(table, key, "nothing", wanted)
    received = tables.get(table, {}).get(key, detail["input"])
    if detail["type"] == "value_error":
        wanted = str(detail["ctx"]["error"])
    elif detail["type"] == "literal_error" and isinstance(received, str):
        wanted = _with_guess(wanted, received, file, table, key)
    return Mistake(table, key, _received((table, key), received), wanted)


def _received(place: tuple[str, str], value: object) -> str:
    return "another URL" if place == SECRET and isinstance(value, str) else shown(value)


def _with_guess(wanted: str, received: str, file: type[Section], table: str, key: str) -> str:
    schema = _section(file, table).model_json_schema()["properties"][key]
    return one_of(schema["enum"], received) if "enum" in schema else wanted


def _known_keys(table: str, key: str, file: type[Section]) -> str:
    known = _keys(file, table)
    elsewhere = [name for name in file.model_fields if key in _keys(file, name)]
    if elsewhere:
        return f"it in [{elsewhere[0]}]"
    return nearest(key, known) or "one of " + ", ".join(known)


def _bracketed(table: str, file: type[Section]) -> str:
    guess = nearest(table, file.model_fields)
    return f"[{guess}]" if guess else ", ".join(f"[{name}]" for name in file.model_fields)


def _section(file: type[Section], table: str) -> type[Section]:
    section = file.model_fields[table].annotation
    assert isinstance(section, type) and issubclass(section, Section)
    return section


def _keys(file: type[Section], table: str) -> list[str]:
    if table == "space":
        from spaces import hyperparameters

        return list(hyperparameters.NAMES)
    return list(_section(file, table).model_fields)


def _in_words(schema: dict[str, Any]) -> str:
    """A JSON schema of one value in words."""
    if "expected" in schema:
        return str(schema["expected"])
    if "anyOf" in schema:
        return " or ".join(_in_words(part) for part in schema["anyOf"] if part != {"type": "null"})
    if "enum" in schema or "const" in schema:
        return one_of(schema.get("enum", [schema.get("const")]))
    return _KINDS[schema["type"]] + _bounds(schema)


_KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "string": "text in quotes",
    "array": "a list",
}
_SIGNS = {"exclusiveMinimum": ">", "minimum": "≥", "exclusiveMaximum": "<", "maximum": "≤"}


def _bounds(schema: dict[str, Any]) -> str:
    bounds = [f"{sign} {schema[name]}" for name, sign in _SIGNS.items() if name in schema]
    return "".join(f" {bound}" if i == 0 else f" and {bound}" for i, bound in enumerate(bounds))


def _written(tables: dict[str, Any], table: str, key: str) -> Any:
    section = tables.get(table)
    return section.get(key) if isinstance(section, dict) else None


def _family(tables: dict[str, Any]) -> str:
    """The family to check names by; where it is itself mistaken, one that allows every name."""
    family = _written(tables, "model", "family") or FAMILIES[0]
    known = isinstance(family, str) and (family in FAMILIES or USER_FAMILY.fullmatch(family))
    return family if known else "unknown.py:build"


def _not_in_a_grid(read: Any) -> list[Mistake]:
    """Float ranges without a step: a grid has no points for them."""
    return [
        Mistake("space", entry.name, "a range without a step", 'a list or a step: sampler = "grid"')
        for entry in read.entries
        if isinstance(entry.low, float) and not entry.step
    ]
