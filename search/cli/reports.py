"""The commands `report`, `compare` and `refine`, which analyse finished trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from studyhall.search.cli.options import (
    Name,
    Storage,
    find,
    find_described,
    storage_option,
    writing,
)
from studyhall.search.display.tables import table
from studyhall.search.display.terminal import remark, say, write
from studyhall.search.study_file import study_names
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.artifacts import atomic_files
from studyhall.storage.database import Database
from studyhall.storage.database.urls import default_url
from studyhall.storage.queries.status import Status
from studyhall.storage.studies import studies

if TYPE_CHECKING:
    from studyhall.search.evaluation.comparison import Side


def report(
    name: Name,
    storage: Storage = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the report to this file."),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", metavar="html|md|json", help="The format of the report."),
    ] = None,
) -> None:
    """Write a report of a study: one HTML file that opens offline, Markdown or JSON."""
    say(str(write_report(name, storage or default_url(), output, form)))


def write_report(name: str, url: str, output: Path | None, form: str | None) -> Path:
    """Write a report of a study; return its file.

    Args:
        name: the study's name.
        url: URL of the database.
        output: the file; None: named after the study.
        form: html, md or json; None: by the ending of the file, else html.

    Raises:
        ConfigError: there is no such study or format, or the file can't be written.
    """
    from studyhall.search.report import report as page

    chosen = _format(form, output, page.FORMATS)
    with closing(Database.open(url, create=False)) as db:
        text = page.report(db, find(db, name), chosen)
    path = output or Path(f"{study_names.legal(name)}{page.FORMATS[chosen]}")
    with writing(path):
        atomic_files.write_whole(path, text.encode(errors="backslashreplace"))
    return path


def _format(given: str | None, output: Path | None, known: Mapping[str, str]) -> str:
    """Return the requested format, else the one of the file's suffix, else HTML."""
    by_name = {ending: form for form, ending in known.items()}
    chosen = given or by_name.get("" if output is None else output.suffix.lower(), "html")
    if chosen not in known:
        raise ConfigError([f"--format: received {chosen}, expected one of {', '.join(known)}"])
    return chosen


def compare(
    names: Annotated[
        list[str], typer.Argument(metavar="STUDY|STUDY:TRIAL …", help="Studies or their trials.")
    ],
    storage: Storage = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Draw their learning curves to FILE.html or FILE.png.",
        ),
    ] = None,
) -> None:
    """Compare studies or trials side by side: results and hyperparameters that differ."""
    from studyhall.search.evaluation import comparison

    compared = sides(names, storage or default_url(), output)
    head, differing = comparison.differing(compared)
    say(table(*comparison.outcomes(compared)), "")
    if differing:
        say(table(head, differing), "")
    say(*comparison.remarks(compared))
    if output is not None:
        write_compared(compared, output)


def sides(names: Sequence[str], url: str, output: Path | None) -> list[Side]:
    """Return what is compared.

    Args:
        names: studies, and trials as ``STUDY:NUMBER``.
        url: URL of the database.
        output: the file that their curves will be drawn to, or None.

    Raises:
        ConfigError: there are fewer than two, one is not there, or the file has another ending.
    """
    from studyhall.search.evaluation import comparison

    if output is not None and output.suffix.lower() not in (".html", ".png"):
        raise ConfigError([f"--output: received {output}, expected FILE.html or FILE.png"])
    if len(names) < 2:
        received = f"only {names[0]!r}" if names else "nothing"
        raise ConfigError([f"study: received {received}, expected two or more to compare"])
    with closing(Database.open(url, create=False)) as db:
        return comparison.sides(db, names)


def write_compared(compared: list[Side], output: Path) -> None:
    """Draw the learning curves of what is compared to a file, and say so."""
    from studyhall.search.report import side_by_side as page

    as_picture = output.suffix.lower() == ".png"
    whole = (
        page.picture(compared)
        if as_picture
        else page.page(compared).encode(errors="backslashreplace")
    )
    with writing(output):
        atomic_files.write_whole(output, whole)
    say(str(output))


def refine(
    name: Name,
    storage: Storage = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the study file here."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
) -> None:
    """Write a study file with the space that a study's results suggest, warm-started from them."""
    following, text, same = refined(name, storage or default_url(), output, force=force)
    if same:
        remark(same)
    if output is None:
        write(f"{text}\n")
        return
    say(f"{output}: study {following}")
    remark(f"next, warm-started from {name}: studyhall launch {quote(str(output))}")


def _more(state: Status, command: str) -> str:
    """Return how a study gets more trials: by a command, unless it has reached its goal."""
    return "launch it with another target or stop_after" if state.reached else command


def refined(name: str, url: str, output: Path | None, *, force: bool) -> tuple[str, str, str]:
    """Return the next study's name and file, and why its space is the old one; "" if it isn't.

    The file is written if a path is given.

    Args:
        name: name of the study whose results suggest the space.
        url: URL of the database.
        output: where to write the study file, or None.
        force: overwrite a file.

    Raises:
        ConfigError: there is no such study, it has no complete trial, or the file is there.
    """
    from studyhall.search.diagnosis import findings, refinement

    if output is not None and output.exists() and not force:
        raise ConfigError([f"{output}: received an existing file, expected a new one, or --force"])
    with closing(Database.open(url, create=False)) as db:
        found = findings.read(db, find_described(db, name, "refine"))
        following = refinement.next_name(name, studies.names(db))
    if not found.complete:
        problem = "received no complete trial yet, expected at least one"
        raise ConfigError([f'study "{name}": {problem}'])
    ended = sum(trial.state in ("COMPLETE", "PRUNED") for trial in found.trials)
    option = storage_option(url)
    text, same = refinement.study_file(
        found.stored,
        following,
        found.hyperparameters,
        found.tried,
        ended,
        url if option or found.stored.file.study.storage is not None else None,
        _more(found.status, f"studyhall resume {name} --trials +20{option}"),
        None if output is None else output.parent,
    )
    if output is not None:
        whole = text.encode(errors="backslashreplace")
        with writing(output):
            atomic_files.write_whole(output, whole, private=False)  # containers read it, too
    return following, text, same
