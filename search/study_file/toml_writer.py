"""The text of a study file for a checked study, without keys that have their default value."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tomlkit
from tomlkit import TOMLDocument
from tomlkit.items import AoT, Table

from studyhall.search.study_file import reference
from studyhall.spaces import spelling

WIDTH = 98  # columns of a comment


def text(checked: Mapping[str, Any]) -> str:
    """Return the whole file, without the storage, which may differ on another machine."""
    study = {name: value for name, value in checked["study"].items() if name != "storage"}
    document = tomlkit.document()
    add_tables(document, {**checked, "study": study})
    if checked["space"]:
        add(document, "space", table(checked["space"]))
    if fixed := checked.get("trials"):
        add(document, "trials", array_of_tables(fixed))
    return tomlkit.dumps(document)


def add_tables(document: TOMLDocument, checked: Mapping[str, Any]) -> None:
    """Every table but ``[space]`` and ``[[trials]]`` that has a key which is not the default."""
    for name, keys in checked.items():
        if changed := dict(_changed(name, keys)):
            add(document, name, table(changed))


def add(document: TOMLDocument, name: str, added: Table | AoT) -> None:
    """Put a table at the end, a blank line before it."""
    if document.body:
        document.add(tomlkit.nl())
    document.append(name, added)


def table(values: Mapping[str, Any]) -> Table:
    """A table of such keys, whatever they are."""
    made = tomlkit.table()
    for name, value in values.items():
        made.append(spelling.toml_key(name), spelling.as_item(value))
    return made


def comment(where: TOMLDocument | Table, said: str) -> None:
    """Add a comment in lines of at most `WIDTH` columns."""
    for line in textwrap.wrap(spelling.visible(said), WIDTH, break_on_hyphens=False):
        where.add(tomlkit.comment(line))


def array_of_tables(listed: Sequence[Mapping[str, Any]]) -> AoT:
    """Tables in a row, such as ``[[trials]]``."""
    array = tomlkit.aot()
    for values in listed:
        array.append(table(values))
    return array


def _changed(name: str, keys: Any) -> Iterator[tuple[str, Any]]:
    """The keys of a table that are not the default; none of the tables whose keys are free."""
    for key in reference.of_table(name):
        value = keys.get(key.name)
        if value is not None and spelling.as_toml(value) != key.default:
            yield key.name, value
