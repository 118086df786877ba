"""The command that follows a study from any terminal: `watch`."""

from __future__ import annotations

from contextlib import closing

import typer

from search import fruitless, running
from search.commands.options import Name, QuietFlag, Storage, find
from search.launching import watching
from search.notifying.following import following
from search.report import live, show
from search.terminal import out, say
from storage import status as standing
from storage.database import Database, default_url


def watch(name: Name, storage: Storage = None, silent: QuietFlag = False) -> None:
    """Follow a study, as its launch shows it, until it ends."""
    with closing(Database.open(storage or default_url(), create=False)) as db:
        study = find(db, name)
        with following(db, study):
            there = watching.watch(db, study, live.view(out, name, quiet=silent))
        if not there:
            say(f'study "{name}" has been deleted')
            raise typer.Exit(2)
        say("", show.studies_table([(study, standing.status(db, study))]))
        if fruitless.is_so(db, study):
            say(*fruitless.told(db, study, running.at(storage or default_url())))
            raise typer.Exit(fruitless.EXIT_CODE)
