"""The command `doctor`: look for problems and say how to fix them."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Annotated

import typer

from studyhall.search.cli.options import AsJson, Storage, find, storage_option
from studyhall.search.display.terminal import say
from studyhall.search.doctor import report
from studyhall.storage.database import Database
from studyhall.storage.database.urls import default_url
from studyhall.storage.studies import studies


def doctor(
    name: Annotated[str | None, typer.Argument(metavar="[STUDY]")] = None,
    storage: Storage = None,
    as_json: AsJson = False,
) -> None:
    """Look for problems with studies, database, disk and machine, and say how to fix them."""
    examined = examine(storage or default_url(), name)
    if as_json:
        print(json.dumps(report.to_json(examined), indent=2))
    else:
        say(*report.lines(examined))
    raise typer.Exit(0 if examined.well else report.NEEDS_YOU)


def examine(url: str, name: str | None = None) -> report.Report:
    """Examine a study, or every study of a database, and this machine.

    Args:
        url: URL of the database.
        name: the study's name; None: all.

    Raises:
        ConfigError: there is no such study.
    """
    with closing(Database.open(url, create=False)) as db:
        found = [find(db, each) for each in ([name] if name else studies.names(db))]
        go_on = f"studyhall resume {{}}{storage_option(url)}"
        return report.examine(db, [(study, go_on.format(study.name)) for study in found])
