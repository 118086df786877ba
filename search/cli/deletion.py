"""The commands `delete` and `trash`: delete a study, or restore one from the dashboard's trash."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from typing import Annotated

import typer
from rich.table import Table

from studyhall.search.cli.options import Name, Storage, find
from studyhall.search.display import tables
from studyhall.search.display.terminal import say
from studyhall.search.study import record
from studyhall.search.study_file.config_error import ConfigError
from studyhall.spaces import spelling
from studyhall.spaces.spelling import visible
from studyhall.storage.artifacts import bucket
from studyhall.storage.database import Database
from studyhall.storage.database.urls import default_url
from studyhall.storage.queries import status
from studyhall.storage.studies import studies
from studyhall.storage.studies.trash import Deleted, contents, purge, restore


def delete(
    name: Name,
    storage: Storage = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a study with its trials, history, checkpoints and models."""
    with closing(Database.open(storage or default_url(), create=False)) as db:
        study = find(db, name)
        state = status.status(db, study)
        moved = record.moved_to(db, study) is not None  # its files are its copy's
        trials = spelling.counted(state.finished, "trial")
        what = f'study "{name}" with {trials}'
        what += "" if moved else f" and {record.stored(study).artifacts}"
        if not yes and not typer.confirm(visible(f"Delete {what}?")):
            say("nothing was deleted")
            return
        studies.delete(db, study)
        if not moved:
            record.remove_artifacts(study)
    say(f"{what}: deleted")


def trash(
    storage: Storage = None,
    restore: Annotated[
        str | None, typer.Option(metavar="STUDY", help="Restore this study.")
    ] = None,
    purge: Annotated[
        str | None, typer.Option(metavar="STUDY", help="Delete this study permanently.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Show the studies deleted in the dashboard; restore one, or delete it permanently."""
    with closing(Database.open(storage or default_url(), create=False)) as db:
        deleted = contents(db)
        if restore is not None:
            _restore(db, _chosen(deleted, "--restore", restore))
        elif purge is not None:
            _purge(db, _chosen(deleted, "--purge", purge), yes)
        else:
            say(trash_table(deleted) if deleted else "the trash is empty")


def _restore(db: Database, study: Deleted) -> None:
    restore(db, study)
    trials = spelling.counted(study.trials, "trial")
    say(f'study "{study.name}" with {trials}: restored')


def _purge(db: Database, study: Deleted, yes: bool) -> None:
    trials = spelling.counted(study.trials, "trial")
    what = f'study "{study.name}" with {trials}'
    what += f" and {study.artifacts}" if study.artifacts else ""
    if not yes and not typer.confirm(visible(f"Delete {what} permanently?")):
        say("nothing was deleted")
        return
    purge(db, study)
    if study.artifacts is not None:
        bucket.remove_all(study.artifacts)
    say(f"{what}: deleted")


def _chosen(deleted: list[Deleted], option: str, wanted: str) -> Deleted:
    """Return the latest deleted study of that name, or the study with that number."""
    for study in deleted:
        if wanted in (study.name, str(study.study_id)):
            return study
    known = ", ".join(study.name for study in deleted)
    expected = f"one of {known}" if known else "a study in the trash, which is empty"
    raise ConfigError([f"{option}: received {wanted!r}, expected {expected}"])


def trash_table(deleted: Sequence[Deleted]) -> Table:
    """Return a table of the deleted studies; the number tells studies of one name apart."""
    return tables.table(
        ("study", "number", "trials", "deleted", "by"),
        map(_trash_row, deleted),
        right=("number", "trials"),
    )


def _trash_row(study: Deleted) -> tuple[str, ...]:
    at = time.strftime("%Y-%m-%d %H:%M", time.localtime(study.deleted_at))
    return study.name, str(study.study_id), str(study.trials), at, study.deleted_by
