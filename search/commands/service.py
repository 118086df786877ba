"""The commands of the service: `dashboard`."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import typer

from search import creation
from search.commands.options import Storage, find
from search.terminal import say
from storage import studies
from storage.database import Database, default_url


def dashboard(
    storage: Storage = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8080,
) -> None:
    """Serve optuna-dashboard for every study of the database."""
    from search import dashboard as service

    with closing(Database.open(storage or default_url())) as db:
        stores = [creation.objects(find(db, name)) for name in studies.names(db)]
        service.serve(db, stores, host, port, started=lambda address: say(address, "Ctrl-C ends"))
