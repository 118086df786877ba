"""Which version of our tables, and of Optuna's, a database has, and whether these are ours."""

from importlib.metadata import version

from studyhall.storage.database.transaction import Row, Transaction

VERSION = 6  # of our tables; `storage.migration` brings older ones to it

_TABLES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table'",
    "postgresql": "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()",
}


def is_current(transaction: Transaction) -> bool:
    """Tells whether both schemas are there and in order for this version of Optuna.

    Raises:
        RuntimeError: the database was made by a later studyhall.
    """
    tables = {name for (name,) in transaction.rows(_TABLES[transaction.kind])}
    if not {"studyhall_schema", "alembic_version"} <= tables:
        return False
    found = of(transaction)
    if found is not None and found.version > VERSION:
        raise RuntimeError(
            f"its tables have version {found.version}, this studyhall knows {VERSION}: update it"
        )
    revision = transaction.row("SELECT version_num FROM alembic_version")
    ours = (VERSION, version("optuna"), None if revision is None else revision[0])
    return found is not None and tuple(found) == ours


def of(transaction: Transaction) -> Row | None:
    """What `studyhall_schema` says: version, optuna_version, optuna_revision."""
    return transaction.row("SELECT version, optuna_version, optuna_revision FROM studyhall_schema")
