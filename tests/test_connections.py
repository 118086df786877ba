"""Which errors pass, and which leave a connection as good as it was."""

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import psycopg

from storage import connections


def raised(call: Callable[[], object]) -> Exception:
    try:
        call()
    except Exception as error:
        return error
    raise AssertionError("it has not failed")


def test_sqlites_errors_are_told_apart(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "a.db", timeout=0)) as one:
        one.execute("BEGIN IMMEDIATE")
        with contextlib.closing(sqlite3.connect(tmp_path / "a.db", timeout=0)) as two:
            busy = raised(lambda: two.execute("BEGIN IMMEDIATE"))
            mistake = raised(lambda: two.execute("SELECT nonsense"))
    lost = raised(lambda: sqlite3.connect(tmp_path / "no" / "folder.db"))
    assert connections.passes(busy)
    assert connections.contended(busy)
    assert connections.passes(lost)
    assert not connections.contended(lost)
    assert not connections.passes(mistake)


def test_postgres_errors_are_told_apart(postgres_url: str) -> None:
    refused = raised(lambda: psycopg.connect("postgresql://x@localhost:1/x"))
    unknown = raised(lambda: psycopg.connect(postgres_url, dbname="unknown"))
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        mistake = raised(lambda: connection.execute("SELECT nonsense"))
        connection.execute("SET statement_timeout = 10")
        late = raised(lambda: connection.execute("SELECT pg_sleep(1)"))
    assert connections.passes(refused)
    assert not connections.contended(refused)
    assert not connections.passes(unknown)
    assert not connections.passes(mistake)
    assert connections.passes(late)
    assert connections.passes(psycopg.errors.DeadlockDetected())
    assert connections.contended(psycopg.errors.DeadlockDetected())
