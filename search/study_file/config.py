"""Reading and checking of study files (TOML); all mistakes are reported at once.

Command-line options take precedence over the file, and the file over the defaults.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from studyhall.search.study_file import contradictions, pydantic_errors, space_mistakes, toml_reader
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.differences import Change, added_trials, differences
from studyhall.search.study_file.input_sections import DataSection, ModelSection
from studyhall.search.study_file.mistake import Mistake
from studyhall.search.study_file.sections import (
    SearchSection,
    StudyFile,
    StudySection,
    TrainingSection,
    WorkersSection,
)
from studyhall.storage.database import urls

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
    "tables",
    "to_dict",
]

Tables = Mapping[str, Mapping[str, Any]]
_GONE = [("metric", "val_loss"), ("xla", "auto")]  # keys or values that records may still hold


def load(path: str | Path, overrides: Tables | None = None) -> StudyFile:
    """Read and check a study file.

    Args:
        path: The file. The paths of data and code in it are relative to its folder and are
            resolved later, where they are read.
        overrides: Values by table and key that replace the file's, from the command line.

    Raises:
        ConfigError: the file has mistakes, all of which are listed, or can't be read.
    """
    return _checked(_tables(Path(path)), Path(path).name, overrides or {})


def tables(path: Path, allowed: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Read some tables of a study file, unchecked but for their names.

    Raises:
        ConfigError: the file can't be read, or has other tables.
    """
    found = _tables(path)
    problems = [
        f"{path.name}: received [{name}], expected {', '.join(f'[{each}]' for each in allowed)}"
        for name, content in found.items()
        if name not in allowed or not isinstance(content, dict)
    ]
    if problems:
        raise ConfigError(problems)
    return found


def parse(text: str, name: str = "study.toml") -> StudyFile:
    """Check a study file given as text; ``name`` is its name in messages.

    Raises:
        ConfigError: the text has mistakes, all of which are listed.
    """
    return _checked(_parsed(text, name), name, {})


def from_dict(stored: Tables, name: str = "stored study") -> StudyFile:
    """Read what ``to_dict`` returned, possibly in an older version; missing keys get defaults.

    What ``[training]`` no longer has is left out of what older versions gave. They knew no backend
    but TensorFlow.

    Raises:
        ConfigError: it was stored by a version with incompatible keys.
    """
    tables = dict(stored)
    training = stored.get("training", {}).items()
    kept = {key: value for key, value in training if (key, value) not in _GONE}
    tables["training"] = {"backend": "tensorflow", **kept}
    return _checked(tables, name, {})


def overridden(study_file: StudyFile, overrides: Tables) -> StudyFile:
    """Return a checked file with values replaced by those of the command line.

    Raises:
        ConfigError: the command line has mistakes, all of which are listed.
    """
    return _checked(to_dict(study_file), study_file.study.name, overrides)


def to_dict(study_file: StudyFile) -> dict[str, Any]:
    """Return all values including defaults, ready for JSON; the storage URL without password."""
    tables = study_file.model_dump(mode="json")
    if study_file.study.storage is not None:
        tables["study"]["storage"] = without_password(study_file.study.storage)
    return tables


def without_password(url: str) -> str:
    """Return a database URL without its secrets, whether before the host or in the query."""
    from sqlalchemy.engine import URL, make_url

    parts = make_url(url)
    query = {key: value for key, value in parts.query.items() if key.lower() not in urls.SECRETS}
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
        return toml_reader.parsed(toml_reader.decoded(content))
    except ValueError as error:
        raise ConfigError([f"{path.name}: {error}"]) from error


def _parsed(text: str, name: str) -> dict[str, Any]:
    try:
        return toml_reader.parsed(text)
    except ValueError as error:
        raise ConfigError([f"{name}: {error}"]) from error


def _checked(tables: dict[str, Any], name: str, overrides: Tables) -> StudyFile:
    merged = _merged(tables, overrides)
    found: list[Mistake] = []
    checked: StudyFile | None = None
    try:
        checked = StudyFile.model_validate(merged)
        found = contradictions.of_whole(checked)
    except ValidationError as error:
        found = pydantic_errors.of_models(error, merged)
    found += space_mistakes.of_space(merged) + space_mistakes.of_trials(merged)
    if found or checked is None:
        raise ConfigError([_line(mistake, name, overrides) for mistake in found])
    return checked


def _merged(tables: dict[str, Any], overrides: Tables) -> dict[str, Any]:
    """Apply the overrides; a table of the wrong type is left for the check to refuse."""
    merged = dict(tables)
    for table, keys in overrides.items():
        written = merged.get(table, {})
        if isinstance(written, dict) and keys:
            merged[table] = {**written, **keys}
    return merged


def _line(mistake: Mistake, name: str, overrides: Tables) -> str:
    given = mistake.key in overrides.get(mistake.table, {})
    return f"{'command line' if given else name}: {mistake}"
