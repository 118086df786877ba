"""The differences between SQLite and PostgreSQL: connection options, clocks, error codes.

Statements go straight to the drivers, `sqlite3` and `psycopg`, which share an interface (PEP 249).
SQLAlchemy only creates the tables and parses URLs of servers: its import is slow, and a command
that reads a study from a SQLite file does without it.
"""

import contextlib
import importlib
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from studyhall.storage.database import private_files
from studyhall.storage.database.urls import Address

if TYPE_CHECKING:
    import sqlalchemy as sa

# How long SQLite waits for another process's transaction, deaf to signals; then we try again.
LOCK_WAIT_S = 5.0
READER_LOCK_WAIT_S = 20.0  # of Optuna, which doesn't try again
CONNECT_WAIT_S = 10  # how long PostgreSQL may take to accept a connection, in seconds
FROZEN_S = 5.0  # how long a transaction may be idle before PostgreSQL ends it

# SQL for what the two databases write differently: `now` is epoch seconds, `utc` the naive UTC
# date that Optuna's tables hold, both by the database's clock; `lock` locks the selected rows.
# SQLite needs no `lock`, as BEGIN IMMEDIATE locks the whole database.
CLOCKS = {
    "sqlite": {
        "now": "((julianday('now') - 2440587.5) * 86400.0)",
        "utc": "strftime('%Y-%m-%d %H:%M:%f000', 'now')",
        "lock": "",
    },
    "postgresql": {
        "now": "CAST(extract(epoch FROM clock_timestamp()) AS double precision)",
        "utc": "timezone('utc', clock_timestamp())",
        "lock": "FOR UPDATE",
    },
}

_SQLITE_OPTIONS: dict[str, Any] = {"timeout": LOCK_WAIT_S, "check_same_thread": False}

# BEGIN of a transaction that writes, and of one that reads the state of one moment. SQLite's must
# be IMMEDIATE: a transaction that reads first and writes later fails if another has written since.
BEGIN = {
    "sqlite": {"write": "BEGIN IMMEDIATE", "read": "BEGIN"},
    "postgresql": {
        "write": "BEGIN",
        "read": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    },
}

# SQLite's result codes of temporary errors: busy, locked, I/O error, disk full, cannot open,
# locking protocol.
_SQLITE_FULL = 13
_SQLITE_PASSING = {5, 6, 10, _SQLITE_FULL, 14, 15}
# PostgreSQL's SQLSTATE classes of temporary errors: connection, resources, operator intervention,
# system; and single codes: serialization failure, deadlock, lock not available, idle in
# transaction, read-only (a standby that is not promoted yet).
_POSTGRES_FULL = "53100"
_POSTGRES_PASSING = ("08", "53", "57", "58")
_CONTENDED = {"40001", "40P01", "55P03"}
_POSTGRES_PASSING_CODES = {*_CONTENDED, "25P03", "25006"}
# libpq reports a refused login or a missing database without an SQLSTATE.
_POSTGRES_FINAL = ("authentication failed", "does not exist", "no password", "no pg_hba.conf")


def driver(kind: str) -> Any:
    """Return the driver's module: `sqlite3` or `psycopg`.

    Raises:
        ImportError: it is not installed.
    """
    return sqlite3 if kind == "sqlite" else importlib.import_module("psycopg")


def connect(address: Address) -> Any:
    """Open a connection of the driver, in autocommit mode: BEGIN and COMMIT are left to us."""
    if address.kind == "postgresql":
        return _to_server(address)
    options: dict[str, Any] = {**_SQLITE_OPTIONS, "database": address.file, "isolation_level": None}
    if address.file is None:
        (options["database"],), more = _arguments(address.url)
        options |= more
    _create(str(options["database"]), is_uri=options.get("uri", False))
    made = sqlite3.connect(**options)
    return _set(made, "PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL")


def engine(url: "sa.URL") -> "sa.Engine":
    """Return a SQLAlchemy engine in autocommit mode, for creating tables."""
    import sqlalchemy as sa

    sqlite = url.get_backend_name() == "sqlite"
    options = {"connect_args": _SQLITE_OPTIONS} if sqlite else _postgres_options()
    return sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT", **options)


def reading_options(url: "sa.URL") -> dict[str, Any]:
    """Return engine options for Optuna's RDBStorage on the same database."""
    if url.get_backend_name() == "sqlite":
        import sqlalchemy as sa

        # Without a pool: Optuna never closes its storage, and a pool's connections would stay open.
        return {"connect_args": {"timeout": READER_LOCK_WAIT_S}, "poolclass": sa.NullPool}
    return {**_postgres_options(), "pool_pre_ping": True}


def cause(error: BaseException, kind: str) -> Any:
    """Return the driver's error, unwrapped from SQLAlchemy's; None if it is not the driver's."""
    own = getattr(error, "orig", None) or error
    return own if isinstance(own, driver(kind).Error) else None


def passes(error: BaseException) -> bool:
    """Tell whether the same call may succeed later, on a new connection if need be.

    Args:
        error: the driver's error, see `cause`.
    """
    if isinstance(error, sqlite3.Error):
        # The low byte of an extended result code is the primary code.
        return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF in _SQLITE_PASSING
    import psycopg

    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return getattr(error, "sqlstate", None) in _POSTGRES_PASSING_CODES
    if error.sqlstate:
        return error.sqlstate[:2] in _POSTGRES_PASSING or error.sqlstate in _POSTGRES_PASSING_CODES
    return not any(words in str(error) for words in _POSTGRES_FINAL)


def contended(error: BaseException | None) -> bool:
    """Tell whether an error is a conflict with another transaction: the connection still works."""
    if isinstance(error, sqlite3.Error):
        return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF in (5, 6)
    return getattr(error, "sqlstate", None) in _CONTENDED


def is_full(error: BaseException) -> bool:
    """Tell whether the database's disk is full, by the driver's error alone."""
    if isinstance(error, sqlite3.Error):
        return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF == _SQLITE_FULL
    return getattr(error, "sqlstate", None) == _POSTGRES_FULL


def _create(database: str, *, is_uri: bool) -> None:
    """Create a missing SQLite file, which SQLite itself would let everybody read.

    Its companions, with -wal and -shm behind the name, get the mode of the file.
    """
    parts = urlsplit(database) if is_uri else None
    if parts is not None and ("mode=" in parts.query or ":memory:" in parts.path):
        return  # only what exists may be opened, or there is no file
    with contextlib.suppress(OSError):  # SQLite says why
        private_files.create(Path(database if parts is None else unquote(parts.path)))


def _to_server(address: Address) -> Any:
    names, options = _arguments(address.url)
    options |= _postgres_options()["connect_args"]
    made = driver("postgresql").connect(*names, autocommit=True, **options)
    # A frozen client would keep its locks: the server ends its transaction after this time.
    return _set(made, f"SET idle_in_transaction_session_timeout = {FROZEN_S * 1000:.0f}")


def _set(connection: Any, *statements: str) -> Any:
    """Run statements on a new connection and return it; close it if one fails."""
    try:
        for statement in statements:
            connection.execute(statement)
    except BaseException:
        connection.close()
        raise
    return connection


def _arguments(url: "sa.URL") -> tuple[list[Any], dict[str, Any]]:
    """Return positional and keyword arguments of the driver's `connect` for a URL."""
    names, options = url.get_dialect()().create_connect_args(url)
    return [*names], dict(options)


def _postgres_options() -> dict[str, Any]:
    """Return options by which a lost server is noticed within a minute.

    The operating system's own TCP timeouts would take hours.
    """
    return {
        "use_native_hstore": False,
        "connect_args": {
            "connect_timeout": CONNECT_WAIT_S,
            "keepalives_idle": 20,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "tcp_user_timeout": 45_000,  # milliseconds
            "application_name": "studyhall",
        },
    }
