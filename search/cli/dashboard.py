"""The command that serves the studies: `dashboard`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from studyhall.search.cli.options import Storage
from studyhall.search.cli.terminal import remark, say
from studyhall.search.process import quiet
from studyhall.storage.database import Database
from studyhall.storage.database.urls import default_url


def dashboard(
    storage: Storage = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8080,
    users_file: Annotated[
        Path | None, typer.Option("--users", metavar="FILE", help="Who may log in, and as what.")
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", envvar="STUDYHALL_READ_ONLY", help="Nobody may write.")
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            envvar="STUDYHALL_ALLOW_HOST",
            help="A further name of this machine, such as a proxy's.",
        ),
    ] = None,
    audit: Annotated[Path, typer.Option(metavar="FILE", help="Where every write is noted.")] = Path(
        "studyhall-audit.jsonl"
    ),
) -> None:
    """Serve optuna-dashboard for every study of the database."""
    from studyhall.search.dashboard import server  # what its help need not wait for

    quiet.hush_optuna()
    access = server.Access(users_file, read_only, allow_host or (), audit)
    with closing(Database.open(storage or default_url())) as db:
        server.serve(
            db, host, port, access, started=lambda url: say(url, "Ctrl-C ends"), remark=remark
        )
