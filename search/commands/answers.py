"""Commands that say what a study has found out, and what to do next: `refine`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from search.commands.options import Name, Storage, find, writing
from search.study_file.config import ConfigError
from search.terminal import remark, say
from storage import artifacts, studies
from storage.database import Database, default_url


def refine(
    name: Name,
    storage: Storage = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it there.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
) -> None:
    """Write a study file with the space that a study's results propose, warm-started with them."""
    from search.findings import refinement, study_findings

    if output is not None and output.exists() and not force:
        raise ConfigError([f"{output}: received a file that exists, expected another, or --force"])
    with closing(Database.open(storage or default_url(), create=False)) as db:
        found = study_findings.read(db, find(db, name))
        following = refinement.next_name(name, studies.names(db))
    if not found.complete:
        raise ConfigError([f'study "{name}": received no complete trial yet, expected one'])
    text = refinement.study_file(
        found.stored,
        following,
        found.hyperparameters,
        found.tried,
        len(found.complete),
        None if output is None else output.parent,
    )
    if output is None:
        print(text)
        return
    with writing(output):
        artifacts.write_whole(output, text.encode())
    say(f"{output}: study {following}")
    remark(f"it begins with what {name} has found: studyhall launch {output}")
