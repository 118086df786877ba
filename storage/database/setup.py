"""The creation of the tables, Optuna's and ours, and the migration of older ones."""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy as sa
from optuna.storages import RDBStorage

from studyhall.storage.database import (
    dialects,
    migration_7,
    migration_8,
    migration_9,
    migration_10,
    versions,
)
from studyhall.storage.database.schema import metadata, schema
from studyhall.storage.database.transaction import Transaction

_LOCK_KEY = 0x5_7DD_7A11  # of PostgreSQL's advisory lock for the creation of the tables
# Migrations by the version that they lead to, from the version before. A version that only adds
# tables needs none: `create_all` adds missing tables to any database.
_STEPS: dict[int, Callable[[Transaction], None]] = {
    7: migration_7.move,
    8: migration_8.add_memory,
    9: migration_9.add_silence,
    10: migration_10.add_goal,
}


def create(url: sa.URL, is_current: Callable[[], bool]) -> None:
    """Create missing tables, Optuna's and ours, and migrate older ones; one process at a time.

    Args:
        url: the database's URL.
        is_current: tells whether another process has done so while this one waited.

    Raises:
        RuntimeError: Optuna's tables belong to another version of Optuna.
    """
    with dialects.engine(url).connect() as connection, _creation_lock(connection, url):
        if is_current():
            return
        optuna_storage = reading_storage(url, poolclass=sa.NullPool)
        metadata.create_all(connection)
        _migrate(connection, url.get_backend_name())
        connection.execute(sa.delete(schema))
        connection.execute(
            sa.insert(schema).values(
                version=versions.VERSION,
                optuna_version=optuna.__version__,
                optuna_revision=optuna_storage.get_current_version(),
            )
        )


def reading_storage(url: sa.URL, **options: Any) -> RDBStorage:
    """Return Optuna's storage on this database; it creates its tables and checks their version.

    Args:
        url: the database's URL.
        options: further options for SQLAlchemy's engine.

    Raises:
        RuntimeError: Optuna's tables belong to another version of Optuna.
    """
    text = url.render_as_string(hide_password=False)
    # Optuna calls `format` on the URL, to replace {SCHEMA_VERSION}.
    escaped = text.replace("{", "{{").replace("}", "}}")
    return RDBStorage(escaped, engine_kwargs={**dialects.reading_options(url), **options})


@contextlib.contextmanager
def _creation_lock(connection: sa.Connection, url: sa.URL) -> Iterator[None]:
    if url.get_backend_name() == "sqlite":
        with _folder_lock(Path(url.database or ".").resolve().parent):
            yield
        return
    connection.execute(sa.text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK_KEY})
    try:
        yield
    finally:
        connection.execute(sa.text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK_KEY})


@contextlib.contextmanager
def _folder_lock(folder: Path) -> Iterator[None]:
    """Hold a lock on the folder itself, so that no lock file is left behind."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _migrate(connection: sa.Connection, kind: str) -> None:
    """Run the migrations that the database lacks, each in one transaction with its version number.

    The caller holds the creation lock.
    """
    found = connection.execute(sa.select(schema.c.version)).scalar()
    for version in range(versions.VERSION if found is None else found, versions.VERSION):
        connection.exec_driver_sql(dialects.BEGIN[kind]["write"])
        try:
            driver = connection.connection.driver_connection
            with contextlib.closing(Transaction(driver, kind, tries=0, number=0)) as transaction:
                _STEPS[version + 1](transaction)
            connection.execute(sa.update(schema).values(version=version + 1))
            connection.exec_driver_sql("COMMIT")
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
