"""What SQLite and PostgreSQL each need to serve several workers: options, clocks, errors."""

import sqlite3
from typing import Any

import sqlalchemy as sa

LOCK_WAIT_S = 20.0  # seconds that SQLite waits for another process' transaction
CONNECT_WAIT_S = 10  # seconds for PostgreSQL to accept a connection
FROZEN_S = 5.0  # seconds that a transaction may do nothing until PostgreSQL ends it

DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}

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


def engine(url: sa.URL) -> sa.Engine:
    """Makes an engine whose connections are held by their owner and commit only when told to."""
    options = _sqlite_options() if url.get_backend_name() == "sqlite" else _postgres_options()
    made = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT", **options)
    sqlite = url.get_backend_name() == "sqlite"
    sa.event.listen(made, "connect", _set_pragmas if sqlite else _limit_idling)
    return made


def reading_options(url: sa.URL) -> dict[str, Any]:
    """Engine options for Optuna's own RDBStorage on the same database."""
    if url.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": LOCK_WAIT_S}}
    return {**_postgres_options(), "pool_pre_ping": True}


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


def _sqlite_options() -> dict[str, Any]:
    return {"connect_args": {"timeout": LOCK_WAIT_S, "check_same_thread": False}}


def _set_pragmas(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")


def _limit_idling(connection: Any, _record: Any) -> None:
    """Lets the server end a transaction whose client is frozen, with all that it has locked."""
    connection.execute(f"SET idle_in_transaction_session_timeout = {FROZEN_S * 1000:.0f}")
    connection.commit()


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
