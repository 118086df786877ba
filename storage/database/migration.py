"""Bringing our tables in an older database to what this version reads and writes."""

import contextlib
import re

import sqlalchemy as sa

from studyhall.storage.database import dialects, migration_7
from studyhall.storage.database.schema import VERSION, schema
from studyhall.storage.database.transaction import Transaction

_COUNT, _SUM = "INTEGER DEFAULT 0 NOT NULL", "DOUBLE PRECISION DEFAULT 0 NOT NULL"

_STEPS = {  # the statements that lead to each version from the one before
    2: (
        "ALTER TABLE studyhall_leases RENAME COLUMN repeated TO repeated_epochs",
        f"ALTER TABLE studyhall_leases ADD COLUMN repeated_s {_SUM}",
        f"ALTER TABLE studyhall_leases ADD COLUMN gpu_seconds_used {_SUM}",
        f"ALTER TABLE studyhall_leases ADD COLUMN memory_failures {_COUNT}",
        "ALTER TABLE studyhall_history ADD COLUMN seconds DOUBLE PRECISION",
        "ALTER TABLE studyhall_done RENAME COLUMN repeated TO repeated_epochs",
        f"ALTER TABLE studyhall_done ADD COLUMN repeated_s {_SUM}",
        f"ALTER TABLE studyhall_done ADD COLUMN gpu_seconds_used {_SUM}",
    ),
    3: ("ALTER TABLE studyhall_queue ADD COLUMN attributes TEXT",),
    4: (),  # tables that were not there before: what creates them does so in any database
    5: (),  # a column of a table that version 7 drops
    6: ("ALTER TABLE studyhall_studies ALTER COLUMN seed TYPE BIGINT",),  # up to 2^32 - 1
    7: (),  # `storage.migration_7`
}
_ADDS = re.compile(r"ALTER TABLE (\w+) ADD COLUMN (\w+) ")


def migrate(connection: sa.Connection, kind: str) -> None:
    """Runs the steps that the database has not seen, each with its number in one transaction.

    The caller lets one process at a time do so.
    """
    found = connection.execute(sa.select(schema.c.version)).scalar()
    for version in range(VERSION if found is None else found, VERSION):
        connection.exec_driver_sql(dialects.BEGIN[kind]["write"])
        try:
            for statement in _STEPS[version + 1]:
                if not (_is_there(connection, statement) or _needs_none(kind, statement)):
                    connection.exec_driver_sql(statement)
            if version + 1 == 7 and sa.inspect(connection).has_table("studyhall_retrainings"):
                with contextlib.closing(Transaction(connection, kind, tries=0, number=0)) as old:
                    migration_7.move(old)
            connection.execute(sa.update(schema).values(version=version + 1))
            connection.exec_driver_sql("COMMIT")
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise


def _needs_none(kind: str, statement: str) -> bool:
    """Whether it widens a column of SQLite's, whose integers all have 64 bits."""
    return kind == "sqlite" and " ALTER COLUMN " in statement


def _is_there(connection: sa.Connection, statement: str) -> bool:
    """Whether a column that is to be added has come with its table, which the database lacked."""
    added = _ADDS.match(statement)
    if added is None:
        return False
    table, column = added.groups()
    return column in {one["name"] for one in sa.inspect(connection).get_columns(table)}
