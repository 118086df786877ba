"""The text of a study file for a checked study, without keys that have their default value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from studyhall.search.study_file import reference
from studyhall.spaces import spelling


def tables(checked: Mapping[str, Any]) -> Iterator[str]:
    """Yield every table except ``[space]`` that has a non-default key, followed by a blank line."""
    for table, keys in checked.items():
        if table == "trials":
            continue
        known = {key.name: key for key in reference.of_table(table)}
        lines = [
            f"{name} = {spelling.as_toml(value)}"
            for name, value in keys.items()
            if name in known and value is not None
            if spelling.as_toml(value) != known[name].default
        ]
        if lines:
            yield "\n".join([f"[{table}]", *lines, ""])


def text(checked: Mapping[str, Any]) -> str:
    """Return the whole file, without the storage, which may differ on another machine."""
    study = {name: value for name, value in checked["study"].items() if name != "storage"}
    space = [
        f"{spelling.as_key(name)} = {spelling.as_toml(value)}"
        for name, value in checked["space"].items()
    ]
    listed = tables({**checked, "study": study})
    fixed = fixed_trials(checked.get("trials", []))
    return "\n".join([*listed, *(["[space]", *space, ""] if space else []), *fixed])


def fixed_trials(listed: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield each table of ``[[trials]]``, followed by a blank line."""
    for trial in listed:
        lines = (
            f"{spelling.as_key(key)} = {spelling.as_toml(value)}" for key, value in trial.items()
        )
        yield "\n".join(["[[trials]]", *lines, ""])
