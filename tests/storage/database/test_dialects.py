"""The errors that are temporary, and those after which a connection is still usable."""

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import psycopg

from studyhall.storage.database import dialects


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
    assert dialects.passes(busy)
    assert dialects.contended(busy)
    assert dialects.passes(lost)
    assert not dialects.contended(lost)
    assert not dialects.passes(mistake)


def test_postgres_errors_are_told_apart(postgres_url: str) -> None:
    refused = raised(lambda: psycopg.connect("postgresql://x@localhost:1/x"))
    unknown = raised(lambda: psycopg.connect(postgres_url, dbname="unknown"))
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        mistake = raised(lambda: connection.execute("SELECT nonsense"))
        connection.execute("SET statement_timeout = 10")
        late = raised(lambda: connection.execute("SELECT pg_sleep(1)"))
    assert dialects.passes(refused)
    assert not dialects.contended(refused)
    assert not dialects.passes(unknown)
    assert not dialects.passes(mistake)
    assert dialects.passes(late)
    assert dialects.passes(psycopg.errors.DeadlockDetected())
    assert dialects.contended(psycopg.errors.DeadlockDetected())
