"""A study file (TOML) becomes a checked ``StudyFile``, or every mistake in it at once.

What a command line gives goes before what the file says, and that before the default.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from studyhall.search.study_file import mistakes, toml_text
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.differences import Change, added_trials, differences
from studyhall.search.study_file.sections import (
    DataSection,
    ModelSection,
    SearchSection,
    StudyFile,
    StudySection,
    TrainingSection,
    WorkersSection,
)

__all__ = [
    "Change",
    "ConfigError",
    "DataSection",
    "ModelSection",
    "SearchSection",
    "StudyFile",
    "StudySection",
    "TrainingSection",
    "WorkersSection",
    "added_trials",
    "differences",
    "from_dict",
    "load",
    "overridden",
    "parse",
    "to_dict",
]

Tables = Mapping[str, Mapping[str, Any]]
_GONE = [("metric", "val_loss"), ("xla", "auto")]  # keys or values that records may still hold


def load(path: str | Path, overrides: Tables | None = None) -> StudyFile:
    """Read and check a study file.

    Args:
        path: The file. Paths that it names as data or code are relative to its folder;
            resolving them is left to their readers.
        overrides: Keys by table that go before the file's, as a command line gives them.

    Raises:
        ConfigError: with every mistake of the file, or why it cannot be read.
    """
    return _checked(_tables(Path(path)), Path(path).name, overrides or {})


def parse(text: str, name: str = "study.toml") -> StudyFile:
    """Check a study file given as text; ``name`` stands in messages.

    Raises:
        ConfigError: with every mistake.
    """
    return _checked(_parsed(text, name), name, {})


def from_dict(stored: Tables, name: str = "stored study") -> StudyFile:
    """Check what ``to_dict`` gave; keys that are newer than it get their defaults.

    What ``[training]`` no longer has is left out of what older versions gave.

    Raises:
        ConfigError: where it was stored by a version whose keys differ.
    """
    tables = dict(stored)
    training = stored.get("training", {}).items()
    tables["training"] = {key: value for key, value in training if (key, value) not in _GONE}
    return _checked(tables, name, {})


def overridden(study_file: StudyFile, overrides: Tables) -> StudyFile:
    """A checked file under keys that go before its own, as a command line gives them.

    Raises:
        ConfigError: with every mistake of the command line.
    """
    return _checked(to_dict(study_file), study_file.study.name, overrides)


def to_dict(study_file: StudyFile) -> dict[str, Any]:
    """Everything, defaults included, as JSON-able values; the storage URL without its password."""
    tables = study_file.model_dump(mode="json")
    if study_file.study.storage is not None:
        tables["study"]["storage"] = without_password(study_file.study.storage)
    return tables


def without_password(url: str) -> str:
    """A database URL without the password, be it before the host or among the options."""
    from sqlalchemy.engine import URL, make_url

    parts = make_url(url)
    query = {key: value for key, value in parts.query.items() if key != "password"}
    bare = URL.create(
        parts.drivername, parts.username, None, parts.host, parts.port, parts.database, query
    )
    return bare.render_as_string()


def _tables(path: Path) -> dict[str, Any]:
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a path that holds a NUL byte
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError([f"{path}: received {reason.lower()}, expected a study file"]) from error
    try:
        return toml_text.parsed(toml_text.decoded(content))
    except ValueError as error:
        raise ConfigError([f"{path.name}: {error}"]) from error


def _parsed(text: str, name: str) -> dict[str, Any]:
    try:
        return toml_text.parsed(text)
    except ValueError as error:
        raise ConfigError([f"{name}: {error}"]) from error


def _checked(tables: dict[str, Any], name: str, overrides: Tables) -> StudyFile:
    merged = _merged(tables, overrides)
    found: list[mistakes.Mistake] = []
    checked: StudyFile | None = None
    try:
        checked = StudyFile.model_validate(merged)
        found = mistakes.of_whole(checked)
    except ValidationError as error:
        found = mistakes.of_models(error, merged)
    found += mistakes.of_space(merged) + mistakes.of_trials(merged)
    if found or checked is None:
        raise ConfigError([_line(mistake, name, overrides) for mistake in found])
    return checked


def _merged(tables: dict[str, Any], overrides: Tables) -> dict[str, Any]:
    """The tables with the overrides on top; a mistyped table is left for the check to refuse."""
    merged = dict(tables)
    for table, keys in overrides.items():
        written = merged.get(table, {})
        if isinstance(written, dict) and keys:
            merged[table] = {**written, **keys}
    return merged


def _line(mistake: mistakes.Mistake, name: str, overrides: Tables) -> str:
    given = mistake.key in overrides.get(mistake.table, {})
    return f"{'command line' if given else name}: {mistake}"
