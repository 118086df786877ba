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
from studyhall.storage.studies.rows import Study


def watch(name: Name, storage: Storage = None, silent: QuietFlag = False) -> None:
    """Show the live progress of a study until it ends."""
    with closing(Database.open(storage or default_url(), create=False)) as db:
        study = find(db, name)
        if not follow(db, study, quiet=silent):
            raise typer.Exit(2)
        if no_result.has_none(db, study):
            say(*no_result.lines(db, study, storage_option(storage or default_url())))
            raise typer.Exit(no_result.EXIT_CODE)


def follow(db: Database, study: Study, *, quiet: bool) -> bool:
    """Show the live progress of a study until it ends; return False if it was deleted meanwhile.

    Args:
        db: database of the study.
        study: the study.
        quiet: print remarks and the result only.
    """
    with following(db, study):
        there = watching.watch(db, study, live.view(out, study.name, quiet=quiet))
    if there:
        say(*show.standing(study, standing.status(db, study)))
    else:
        say(f'study "{study.name}" has been deleted')
    return there
