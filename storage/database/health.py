"""The state of the database itself, for troubleshooting: latency, size, connections, locks."""

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
    """The state of a database at one moment.

    Args:
        url: its URL, without the password.
        kind: "sqlite" or "postgresql".
        version: version of SQLite or of the server.
        schema_version: version of our tables.
        optuna_version: version of Optuna that has checked its tables.
        optuna_revision: revision of Optuna's tables.
        latency_ms: time of one round trip, the median of a few.
        size_bytes: size of the SQLite file and its write-ahead log, or of the database.
        journal_mode: SQLite's, which should be "wal"; None on PostgreSQL.
        file_system: type of the file system that holds the SQLite file; None if unknown.
        free_bytes: free space on that file system; None on PostgreSQL.
        connections: open connections of all clients; None on SQLite. A worker holds two.
        connections_limit: how many connections the server allows; None on SQLite.
        waiting: connections to this database that wait for a lock now; None on SQLite.
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
    """Read the state of the database; change nothing.

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
