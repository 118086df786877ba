"""The versions of the tables in a database, ours and Optuna's, and the check of them."""

from importlib.metadata import version

from studyhall.storage.database.transaction import Row, Transaction

VERSION = 10  # of our tables; `storage.database.setup` migrates older ones to it
OLDEST = 6  # the oldest version that can be migrated; no release had an older one

_TABLES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table'",
    "postgresql": "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()",
}


def is_current(transaction: Transaction) -> bool:
    """Tell whether both schemas exist, and match this studyhall and the installed Optuna.

    Raises:
        RuntimeError: a later studyhall has created the tables, or one before the first release.
    """
    tables = {name for (name,) in transaction.rows(_TABLES[transaction.kind])}
    if not {"studyhall_schema", "alembic_version"} <= tables:
        return False
    found = of(transaction)
    if found is not None:
        _refuse(found.version)
    revision = transaction.row("SELECT version_num FROM alembic_version")
    ours = (VERSION, version("optuna"), None if revision is None else revision[0])
    return found is not None and tuple(found) == ours


def of(transaction: Transaction) -> Row | None:
    """Return the row of `studyhall_schema`: version, optuna_version, optuna_revision."""
    return transaction.row("SELECT version, optuna_version, optuna_revision FROM studyhall_schema")


def _refuse(version: int) -> None:
    """Refuse a database whose tables this version can't read.

    Raises:
        RuntimeError: it can't; the message says what to do.
    """
    if version > VERSION:
        raise RuntimeError(
            f"its tables have version {version}, but this studyhall reads {OLDEST} to {VERSION}: "
            "update studyhall"
        )
    if version < OLDEST:
        raise RuntimeError(
            f"its tables have version {version}, from before the first release, and this studyhall "
            f"reads {OLDEST} and later: open it once with the studyhall of commit 8c80fff, which "
            f"brings it to version 6, or start a new database (--storage selects another)"
        )
