"""The names of studies: what `[study] name` takes, every other way to name a study takes, too.

A study that Optuna has created keeps its name, which may hold any printable characters; files are
named after it by `legal`.
"""

from __future__ import annotations

import re

import pydantic

from studyhall.search.study_file import value_types
from studyhall.search.study_file.config_error import ConfigError

EXPECTED = "at most 100 letters, digits, dots, - and _, the first a letter or digit"
_NAME: pydantic.TypeAdapter[str] = pydantic.TypeAdapter(value_types.Name)


def check(name: object, where: str) -> str:
    """Return the name of a new study, or the new name of one.

    Args:
        name: what was given.
        where: what gave it, for the message: "--name".

    Raises:
        ConfigError: it is no name of a study.
    """
    try:
        return _NAME.validate_python(name, strict=True)
    except pydantic.ValidationError:
        raise ConfigError([f"{where}: received {name!r}, expected {EXPECTED}"]) from None


def check_foreign(name: str) -> None:
    """Check the name of a study that Optuna has created.

    Raises:
        ConfigError: it has characters that no terminal shows, or none.
    """
    if not name.isprintable() or not name.strip():
        printable = "printable characters: optuna.copy_study gives it another name"
        raise ConfigError([f"study: received {name!r}, expected {printable}"])


def legal(name: str) -> str:
    """Return a name with what `[study] name` doesn't take replaced by hyphens."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:100].rstrip("-._") or "study"
