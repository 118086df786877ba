"""The command `watch`: follow a study from any terminal."""

from __future__ import annotations

from contextlib import closing

import typer

from studyhall.search.cli.options import Name, QuietFlag, Storage, find, storage_option
from studyhall.search.display import live, show
from studyhall.search.display.terminal import out, say
from studyhall.search.evaluation import no_result
from studyhall.search.launcher import watch as watching
from studyhall.search.notices.following import following
from studyhall.storage.database import Database
from studyhall.storage.database.urls import default_url
from studyhall.storage.queries import status as standing


def watch(name: Name, storage: Storage = None, silent: QuietFlag = False) -> None:
    """Show the live progress of a study until it ends."""
    with closing(Database.open(storage or default_url(), create=False)) as db:
        study = find(db, name)
        with following(db, study):
            there = watching.watch(db, study, live.view(out, name, quiet=silent))
        if not there:
            say(f'study "{name}" has been deleted')
            raise typer.Exit(2)
        say("", show.studies_table([(study, standing.status(db, study))]))
        if no_result.has_none(db, study):
            say(*no_result.lines(db, study, storage_option(storage or default_url())))
            raise typer.Exit(no_result.EXIT_CODE)
