"""What SQLite and PostgreSQL each need to serve several workers: options, clocks, errors.

Statements go straight to the drivers, `sqlite3` and `psycopg`, which speak the same language
(PEP 249). SQLAlchemy makes the tables and reads URLs of servers; who asks a study in a file a
question does not wait until it has been imported.
"""

import importlib
import sqlite3
from typing import TYPE_CHECKING, Any

from studyhall.storage.database.urls import Address

if TYPE_CHECKING:
    import sqlalchemy as sa

LOCK_WAIT_S = 20.0  # seconds that SQLite waits for another process' transaction
CONNECT_WAIT_S = 10  # seconds for PostgreSQL to accept a connection
FROZEN_S = 5.0  # seconds that a transaction may do nothing until PostgreSQL ends it

# Epoch seconds, and the naive UTC date that Optuna's tables hold, both by the database's clock.
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

# How a transaction begins that writes, and one that reads everything as of one moment.
BEGIN = {
    "sqlite": {"write": "BEGIN IMMEDIATE", "read": "BEGIN"},
    "postgresql": {
        "write": "BEGIN",
        "read": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    },
}

# SQLite's result codes that pass: busy, locked, disk trouble, full, cannot open, protocol.
_SQLITE_PASSING = {5, 6, 10, 13, 14, 15}
# Classes of SQLSTATE that pass: connection, resources, operator's intervention, system; and
# serialization failure, deadlock, lock not available, frozen in a transaction, a standby that is
# not yet writable.
_POSTGRES_PASSING = ("08", "53", "57", "58")
_CONTENDED = {"40001", "40P01", "55P03"}
_POSTGRES_PASSING_CODES = {*_CONTENDED, "25P03", "25006"}
# libpq reports a refused login or a missing database without an SQLSTATE.
_POSTGRES_FINAL = ("authentication failed", "does not exist", "no password", "no pg_hba.conf")


def driver(kind: str) -> Any:
    """The module that speaks to such databases.

    Raises:
        ImportError: it is not installed.
    """
    return sqlite3 if kind == "sqlite" else importlib.import_module("psycopg")


def connect(address: Address) -> Any:
    """Opens a connection of the driver's, which begins and commits only when told to."""
    if address.kind == "postgresql":
        return _to_server(address)
    options: dict[str, Any] = {**_SQLITE_OPTIONS, "database": address.file, "isolation_level": None}
    if address.file is None:
        (options["database"],), more = _arguments(address.url)
        options |= more
    made = sqlite3.connect(**options)
    made.execute("PRAGMA journal_mode = WAL")
    made.execute("PRAGMA synchronous = NORMAL")
    return made


def engine(url: "sa.URL") -> "sa.Engine":
    """Makes an engine for what only SQLAlchemy can do: each statement is its own transaction."""
    import sqlalchemy as sa

    sqlite = url.get_backend_name() == "sqlite"
    options = {"connect_args": _SQLITE_OPTIONS} if sqlite else _postgres_options()
    return sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT", **options)


def reading_options(url: "sa.URL") -> dict[str, Any]:
    """Engine options for Optuna's own RDBStorage on the same database."""
    if url.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": LOCK_WAIT_S}}
    return {**_postgres_options(), "pool_pre_ping": True}


def cause(error: BaseException, kind: str) -> Any:
    """The driver's own error, be it wrapped by SQLAlchemy; None if it is another's."""
    own = getattr(error, "orig", None) or error
    return own if isinstance(own, driver(kind).Error) else None


def passes(error: BaseException) -> bool:
    """Tells whether the same call may succeed later, on a new connection if need be."""
    if isinstance(error, sqlite3.Error):
        return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF in _SQLITE_PASSING
    import psycopg

    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return getattr(error, "sqlstate", None) in _POSTGRES_PASSING_CODES
    if error.sqlstate:
        return error.sqlstate[:2] in _POSTGRES_PASSING or error.sqlstate in _POSTGRES_PASSING_CODES
    return not any(words in str(error) for words in _POSTGRES_FINAL)


def contended(error: BaseException | None) -> bool:
    """Whether others were at work on the same rows, so that the connection is as good as ever."""
    if isinstance(error, sqlite3.Error):
        return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF in (5, 6)
    return getattr(error, "sqlstate", None) in _CONTENDED


def _to_server(address: Address) -> Any:
    names, options = _arguments(address.url)
    options |= _postgres_options()["connect_args"]
    made = driver("postgresql").connect(*names, autocommit=True, **options)
    # Lets the server end a transaction whose client is frozen, with all that it has locked.
    made.execute(f"SET idle_in_transaction_session_timeout = {FROZEN_S * 1000:.0f}")
    return made


def _arguments(url: "sa.URL") -> tuple[list[Any], dict[str, Any]]:
    """What a driver's `connect` is given for a URL, as SQLAlchemy reads it."""
    names, options = url.get_dialect()().create_connect_args(url)
    return [*names], dict(options)


def _postgres_options() -> dict[str, Any]:
    """Notices a server that went away within a minute instead of the operating system's hours."""
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
