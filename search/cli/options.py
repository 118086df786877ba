"""Options that commands share, and what they look up by them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.database import Database
from studyhall.storage.database.urls import default_url, shown
from studyhall.storage.studies import studies
from studyhall.storage.studies.rows import Study

Storage = Annotated[
    str | None,
    typer.Option(help="Database URL; default: $STUDYHALL_STORAGE, else sqlite:///studyhall.db."),
]
Name = Annotated[str, typer.Argument(metavar="STUDY", help="Name of the study.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="The study file (TOML).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, with stable keys.")]
Again = Annotated[
    bool, typer.Option("--again", help="Use the test set for this model, though it was used.")
]
Workers = Annotated[
    str | None,
    typer.Option(metavar="N|auto", help="Worker processes; default: the study file's count."),
]
Gpus = Annotated[
    str | None,
    typer.Option(metavar="all|0,2|none", help="GPUs to use; default: the study file's gpus."),
]
PerGpu = Annotated[
    int | None, typer.Option("--workers-per-gpu", help="Worker processes on each of them.")
]
Gpu = Annotated[str, typer.Option(metavar="N|none", help="The GPU to use; default: the first.")]
QuietFlag = Annotated[bool, typer.Option("--quiet", help="Print remarks and the result only.")]


def finite(number: float | None) -> float | None:
    """Refuse what is no number: it is neither below a limit nor above it."""
    if number is not None and not math.isfinite(number):
        raise typer.BadParameter(f"received {number}, expected a finite number")
    return number


def find(db: Database, name: str) -> Study:
    """The study of that name.

    Raises:
        ConfigError: there is none.
    """
    study = studies.find(db, name)
    if study is None:
        known = studies.names(db)
        raise ConfigError([f"study: received {name!r}, expected {_one_of(known)}"])
    return study


def typed_options(**given: object) -> str:
    """Options as they are typed behind a command, by their names; those not given are left out."""
    flags = {name.replace("_", "-"): value for name, value in given.items() if value}
    typed = (
        f" --{name}" if value is True else f" --{name} {value}" for name, value in flags.items()
    )
    return "".join(typed)


def _one_of(known: list[str]) -> str:
    return f"one of {', '.join(known)}" if known else "a study; this database has none"


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say in one line what keeps a file from being written."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError([f"{path}: received {reason}, expected a place to write"]) from error


def storage_option(url: str) -> str:
    """Return the option that a suggested command needs to find the same database."""
    return "" if url == default_url() else f" --storage {quote(shown(url))}"
