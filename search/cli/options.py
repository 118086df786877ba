"""The options that commands share, and helpers that resolve their values."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from studyhall.search.study import record
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.limits import MOST
from studyhall.storage.database import Database
from studyhall.storage.database.urls import storage_option as storage_option  # for the commands
from studyhall.storage.studies import adoption, studies
from studyhall.storage.studies.rows import Study

Storage = Annotated[
    str | None,
    typer.Option(help="Database URL; default: $STUDYHALL_STORAGE, else sqlite:///studyhall.db."),
]
Name = Annotated[str, typer.Argument(metavar="STUDY", help="Name of the study.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="The study file (TOML).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, with stable keys.")]
Again = Annotated[
    bool, typer.Option("--again", help="Use the test set again, although it has already been used.")
]
Workers = Annotated[
    str | None,
    typer.Option(metavar="N|auto", help="Worker processes; default: the study file's count."),
]
Gpus = Annotated[
    str | None,
    typer.Option(metavar="all|0,2|none", help="GPUs to use; default: the study file's gpus."),
]
PerGpu = Annotated[int | None, typer.Option("--workers-per-gpu", help="Worker processes per GPU.")]
On = Annotated[
    str | None,
    typer.Option(
        metavar="local|ray|ADDRESS", help="Where workers run; default: the study file's place."
    ),
]
GpusPerWorker = Annotated[
    float | None,
    typer.Option(min=0.01, help="On a Ray cluster: GPUs of each worker, or a share of one."),
]
Gpu = Annotated[str, typer.Option(metavar="N|none", help="The GPU to use; default: the first one.")]
QuietFlag = Annotated[bool, typer.Option("--quiet", help="Print remarks and the result only.")]


def finite(number: float | None) -> float | None:
    """Return the number; refuse infinity and NaN, which would pass checks of min and max."""
    if number is not None and not math.isfinite(number):
        raise typer.BadParameter(f"received {number}, expected a finite number")
    return number


def find(db: Database, name: str) -> Study:
    """Return the study of that name.

    Raises:
        ConfigError: there is no such study; the message lists the names that exist.
    """
    study = studies.find(db, name)
    if study is None:
        if name in adoption.foreign(db):
            hint = "studyhall has not created it: take it in by studyhall adopt"
            raise ConfigError([f"study {name!r} in {db}: {hint} {quote(name)}"])
        known = ", ".join(studies.names(db)) or "no study"
        raise ConfigError([f"there is no study {name!r} in {db}; it has: {known}"])
    return study


def find_to_train(db: Database, name: str) -> Study:
    """Return the study of that name, whose trials are about to be trained.

    Raises:
        ConfigError: there is no such study, or its trials can't be trained here.
    """
    study = find(db, name)
    record.check_trainable(db, study)
    return study


def find_described(db: Database, name: str, command: str) -> Study:
    """Return the study of that name, which a study file describes.

    Args:
        db: the database.
        name: the study's name.
        command: the command that needs this, for messages.

    Raises:
        ConfigError: there is no such study, its trials can't be trained here, or a script trains
            them.
    """
    study = find_to_train(db, name)
    record.check_described(study, command)
    return study


def typed_options(**given: object) -> str:
    """Return options as typed on the command line, with a leading space; skip those not given."""
    flags = {name.replace("_", "-"): value for name, value in given.items() if value}
    typed = (
        f" --{name}" if value is True else f" --{name} {value}" for name, value in flags.items()
    )
    return "".join(typed)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an OSError while writing a file into a one-line mistake of the user."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError([f"{path}: received {reason}, expected a writable file"]) from error


def more(written: str, limit: int) -> int:
    """Return how many trials ``+20`` (twenty more) or ``80`` (eighty in all) add to a limit.

    Raises:
        ConfigError: the text has neither form, or the total is below the limit.
    """
    digits = written.removeprefix("+")
    # Cut off after one digit more than MOST has: int() refuses thousands of digits.
    total = int(digits[: len(str(MOST)) + 1]) if digits.isdecimal() else 0
    added = total if written.startswith("+") else total - limit
    if total == 0 or added < 0 or limit + added > MOST:
        expected = f"+20 for twenty more, or the new total, at least {limit}"
        expected += f", at most {MOST}" if limit + added > MOST else ""
        raise ConfigError([f"command line: --trials: received {written!r}, expected {expected}"])
    return added
