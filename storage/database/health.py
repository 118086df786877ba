"""How the database itself is doing, for whoever looks for what is wrong."""

import os
import shutil
import statistics
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studyhall.storage.database import versions
from studyhall.storage.database.connection import Database
from studyhall.storage.database.transaction import Transaction
from studyhall.storage.database.urls import file_system

_ROUND_TRIPS = 5


@dataclass(frozen=True)
class Health:
    """A database at one moment.

    Args:
        url: without its password.
        kind: "sqlite" or "postgresql".
        version: SQLite's or the server's.
        schema_version: of our tables; `optuna_revision` of Optuna's, made by `optuna_version`.
        latency_ms: of one round trip, the median of a few.
        size_bytes: of the file with its log, or of the database.
        journal_mode: SQLite's, "wal" if all is well; None on PostgreSQL.
        file_system: type of the one that SQLite's file lies on; None if unknown.
        free_bytes: left on that file system; None on PostgreSQL.
        connections: open ones of all clients, and `connections_limit` how many the server
            takes; None on SQLite. A worker holds two.
        waiting: transactions that wait for a lock right now; None on SQLite.
        clock_ahead_s: how far the database's clock is ahead of this machine's.
    """

    url: str
    kind: str
    version: str
    schema_version: int
    optuna_version: str
    optuna_revision: str
    latency_ms: float
    size_bytes: int
    journal_mode: str | None
    file_system: str | None
    free_bytes: int | None
    connections: int | None
    connections_limit: int | None
    waiting: int | None
    clock_ahead_s: float


def read(db: Database) -> Health:
    """Looks at the database; changes nothing.

    Raises:
        StorageError: it can't be reached.
    """
    found = db.statement(versions.of)
    assert found is not None
    own = _of_file(db) if db.kind == "sqlite" else _of_server(db)
    return Health(
        url=str(db),
        kind=db.kind,
        schema_version=found.version,
        optuna_version=found.optuna_version,
        optuna_revision=found.optuna_revision,
        latency_ms=_latency_ms(db),
        clock_ahead_s=_now(db) - time.time(),
        **own,
    )


def _of_file(db: Database) -> dict[str, Any]:
    path = db.file

    def work(transaction: Transaction) -> tuple[str, str]:
        (version,) = transaction.rows("SELECT sqlite_version()")[0]
        (mode,) = transaction.rows("PRAGMA journal_mode")[0]
        return version, mode

    version, mode = db.statement(work)
    return {
        "version": version,
        "journal_mode": mode,
        "size_bytes": _size(path) + _size(path.with_name(f"{path.name}-wal")),
        "file_system": file_system(path),
        "free_bytes": shutil.disk_usage(path.parent).free,
        "connections": None,
        "connections_limit": None,
        "waiting": None,
    }


def _of_server(db: Database) -> dict[str, Any]:
    row = db.statement(
        lambda transaction: transaction.row(
            """
            SELECT current_setting('server_version') AS version,
                pg_database_size(current_database()) AS size_bytes,
                count(*) AS connections,
                CAST(current_setting('max_connections') AS integer) AS connections_limit,
                count(*) FILTER (WHERE wait_event_type = 'Lock'
                    AND datname = current_database()) AS waiting
            FROM pg_stat_activity WHERE backend_type = 'client backend'"""
        )
    )
    assert row is not None
    return {
        "version": row.version,
        "size_bytes": row.size_bytes,
        "connections": row.connections,
        "connections_limit": row.connections_limit,
        "waiting": row.waiting,
        "journal_mode": None,
        "file_system": None,
        "free_bytes": None,
    }


def _latency_ms(db: Database) -> float:
    def trip() -> float:
        began = time.perf_counter()
        db.statement(lambda transaction: transaction.row("SELECT 1"))
        return 1000.0 * (time.perf_counter() - began)

    return statistics.median(trip() for _ in range(_ROUND_TRIPS))


def _now(db: Database) -> float:
    row = db.statement(lambda transaction: transaction.row("SELECT {now}"))
    assert row is not None
    return float(row[0])


def _size(path: Path) -> int:
    with suppress(OSError):
        return os.stat(path).st_size
    return 0
