"""Which version of our tables, and of Optuna's, a database has, and whether these are ours."""

from importlib.metadata import version

from studyhall.storage.database.transaction import Row, Transaction

VERSION = 7  # of our tables; `storage.database.tables` brings older ones to it
OLDEST = 6  # of those that can be brought to today's; there was no release before it

_TABLES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table'",
    "postgresql": "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()",
}


def is_current(transaction: Transaction) -> bool:
    """Tells whether both schemas are there and in order for this version of Optuna.

    Raises:
        RuntimeError: a later studyhall has made the database, or one before the first release.
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
    """What `studyhall_schema` says: version, optuna_version, optuna_revision."""
    return transaction.row("SELECT version, optuna_version, optuna_revision FROM studyhall_schema")


def _refuse(version: int) -> None:
    """Refuse a database whose tables this version can't read.

    Raises:
        RuntimeError: with what to do.
    """
    if version > VERSION:
        raise RuntimeError(
            f"its tables have version {version}, this studyhall knows {VERSION}: update it"
        )
    if version < OLDEST:
        raise RuntimeError(
            f"its tables have version {version}, from before the first release, and this studyhall "
            f"reads {OLDEST} and later: open it once with the studyhall of commit 8c80fff, which "
            f"brings it to version 6, or begin a new database (--storage names another)"
        )
