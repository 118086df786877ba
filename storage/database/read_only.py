"""The read-only connection to a database, for which the database itself refuses to write.

On SQLite the file is opened with `mode=ro`. On PostgreSQL the session switches to a role that may
only SELECT, and its transactions are read-only too.
"""

from typing import TYPE_CHECKING
from urllib.parse import quote

from studyhall.storage.database import dialects, urls
from studyhall.storage.database.connection import Database
from studyhall.storage.database.transaction import Transaction

if TYPE_CHECKING:
    import sqlalchemy as sa

ROLE = "studyhall_reader"

_MAY_WRITE = "SELECT has_table_privilege(current_user, 'trials', 'INSERT, UPDATE, DELETE')"
_READY = """
    SELECT count(*) = 1 AND bool_and(pg_has_role(current_user, oid, 'MEMBER'))
        AND bool_and(has_table_privilege(oid, 'studyhall_budget', 'SELECT'))
    FROM pg_roles WHERE rolname = :role"""
# Two processes may create the role at the same moment: then the second one's error is ignored.
_CREATE = f"""
    DO $$ BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{ROLE}') THEN
            CREATE ROLE {ROLE} NOLOGIN;
        END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END $$"""
_GRANT = (
    f"GRANT {ROLE} TO CURRENT_USER",
    f'GRANT USAGE ON SCHEMA "{{schema}}" TO {ROLE}',
    f'GRANT SELECT ON ALL TABLES IN SCHEMA "{{schema}}" TO {ROLE}',
    f'ALTER DEFAULT PRIVILEGES IN SCHEMA "{{schema}}" GRANT SELECT ON TABLES TO {ROLE}',
)


def opened(db: Database) -> Database:
    """Return the same database with a connection of its own that can't write."""
    return Database(urls.address(url(db).render_as_string(hide_password=False)))


def url(db: Database) -> "sa.URL":
    """Return the URL of read-only connections; on PostgreSQL with the role, if it exists."""
    if db.kind == "sqlite":
        file = f"file:{quote(db.url.database or '')}"
        return db.url.set(database=file).update_query_dict({"mode": "ro", "uri": "true"})
    options = "-c default_transaction_read_only=on"
    if may_write(db) and _ready(db):
        options += f" -c role={ROLE}"
    return db.url.update_query_dict({"options": options})


def may_write(db: Database) -> bool:
    """Tell whether the database's user has the right to write."""
    if db.kind == "sqlite":
        return True  # `Database.open` has checked it
    return bool(db.snapshot(lambda transaction: transaction.value(_MAY_WRITE)))


def prepare_role(db: Database) -> str | None:
    """Create the read-only role if it is missing, and let it read every table.

    Returns:
        The reason if the role can't be used; None if it can, or none is needed.
    """
    if db.kind == "sqlite" or not may_write(db):
        return None
    try:
        db.statement(_make_role, patience_s=0)
    except dialects.driver(db.kind).ProgrammingError as error:  # this user may not create roles
        return None if _ready(db) else str(error).splitlines()[0]
    return None


def _make_role(transaction: Transaction) -> None:
    schema = transaction.value("SELECT current_schema()")
    for statement in (_CREATE, *_GRANT):
        transaction.execute(statement.format(schema=schema))


def _ready(db: Database) -> bool:
    return bool(db.snapshot(lambda t: t.value(_READY, role=ROLE)))
