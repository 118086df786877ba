"""The one moment at which a database gets its tables, Optuna's and ours, or those of today."""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy as sa
from optuna.storages import RDBStorage

from studyhall.storage.database import dialects, migration_7, versions
from studyhall.storage.database.schema import metadata, schema
from studyhall.storage.database.transaction import Transaction

_LOCK_KEY = 0x5_7DD_7A11  # PostgreSQL's advisory lock under which the tables are created
# What brings a database to each version after the oldest from the one before. Tables that were
# not there before need no step: what creates them does so in any database.
_STEPS: dict[int, Callable[[Transaction], None]] = {7: migration_7.move}


def create(url: sa.URL, is_current: Callable[[], bool]) -> None:
    """Creates what is missing of both schemas, one process at a time; Optuna checks its own.

    Args:
        url: of the database.
        is_current: whether another process has done so meanwhile.

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
    """Optuna's own storage on this database; creates its tables, checks their version.

    Args:
        options: for SQLAlchemy's engine.
    """
    text = url.render_as_string(hide_password=False)
    escaped = text.replace("{", "{{").replace("}", "}}")  # Optuna fills in {SCHEMA_VERSION}
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
    """Locks the folder itself, so that no lock file is left behind."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _migrate(connection: sa.Connection, kind: str) -> None:
    """Runs the steps that the database has not seen, each with its number in one transaction.

    The caller lets one process at a time do so.
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
