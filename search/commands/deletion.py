"""The command that removes a study: `delete`."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from search import creation
from search.commands.options import Name, Storage, find
from search.terminal import say
from storage import status as standing
from storage import studies
from storage.database import Database, default_url


def delete(
    name: Name,
    storage: Storage = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a study: its trials, its history, its checkpoints and models."""
    with closing(Database.open(storage or default_url(), create=False)) as db:
        study = find(db, name)
        state = standing.status(db, study)
        what = f'study "{name}" with {state.finished} trials and {creation.stored(study).artifacts}'
        if not yes and not typer.confirm(f"Delete {what}?"):
            say("kept")
            return
        studies.delete(db, study)
        creation.remove_artifacts(study)
    say(f"{what}: deleted")
