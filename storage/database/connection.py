"""The one door to a database: opening it, and transactions that outlive its absences."""

import contextlib
import math
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Literal, Self, TypeVar

import sqlalchemy as sa
from optuna.storages import RDBStorage

from studyhall.storage.database import dialects, tables, urls
from studyhall.storage.database.transaction import Row, Transaction
from studyhall.storage.database.urls import StorageAway, StorageError, default_url, shown

__all__ = ["Database", "Row", "StorageAway", "StorageError", "Transaction", "default_url", "shown"]

PATIENCE_S = 300.0  # how long a transaction is tried again before it gives up
OPEN_PATIENCE_S = 10.0
_CHANCE = random.Random()  # its own: Keras draws weights' seeds from the global one, meanwhile

T = TypeVar("T")


class Database:
    """One held connection to a database that both schemas are present in.

    Every call of `transaction` is one unit of work. It may be repeated when the connection breaks,
    even when its COMMIT has got through unnoticed, so a unit of work must find out by itself
    whether it has been done before (`Transaction.again`).
    """

    def __init__(self, url: sa.URL, engine: sa.Engine) -> None:
        self.url = url
        self.kind: Literal["sqlite", "postgresql"] = (
            "sqlite" if url.get_backend_name() == "sqlite" else "postgresql"
        )
        self.away_since: float | None = None  # time.monotonic() of the first failure in a row
        self.back_since: float | None = None  # … and of the first success after it
        self._engine = engine
        self._connection: sa.Connection | None = None
        self._number = 0
        self._lock = threading.RLock()

    @classmethod
    def open(cls, url: str, *, create: bool = True, patience_s: float = OPEN_PATIENCE_S) -> Self:
        """Opens the database, creating it and its tables where they are missing.

        Args:
            url: `sqlite:///file` or `postgresql://user@host/name`.
            create: whether a missing SQLite file may be created.
            patience_s: how long an unreachable server is tried again.

        Raises:
            StorageError: it cannot be reached, read or written, or belongs to another version.
        """
        parsed = urls.parse(url)
        if parsed.get_backend_name() == "sqlite":
            urls.check_file(parsed, create)
        database = cls(parsed, dialects.engine(parsed))
        try:
            database._prepare(patience_s)
        except BaseException:
            database.close()
            raise
        return database

    def another(self) -> "Database":
        """The same database through a connection of its own, for another thread."""
        return Database(self.url, self._engine)

    def transaction(self, work: Callable[[Transaction], T], *, patience_s: float = PATIENCE_S) -> T:
        """Runs `work` in one writing transaction, again and again while the trouble may pass.

        Args:
            work: the statements. It may run more than once.
            patience_s: how long to go on trying; 0 tries once.

        Raises:
            StorageError: the database stayed away, or refuses. The driver's error is its cause.
        """
        return self._patiently(work, dialects.BEGIN[self.kind]["write"], patience_s)

    def snapshot(self, work: Callable[[Transaction], T], *, patience_s: float = PATIENCE_S) -> T:
        """Likewise for statements that only read, all of them the same moment; no writer waits."""
        return self._patiently(work, dialects.BEGIN[self.kind]["read"], patience_s)

    def statement(self, work: Callable[[Transaction], T], *, patience_s: float = PATIENCE_S) -> T:
        """Likewise for one statement, which is its own transaction and needs no COMMIT."""
        return self._patiently(work, None, patience_s)

    def optuna_storage(self) -> RDBStorage:
        """Optuna's own storage on this database, for the dashboard and other readers."""
        return tables.reading_storage(self.url)

    def was_away(self, grace_s: float) -> bool:
        """Whether the database is away, or has been less than `grace_s` ago."""
        back_s = math.inf if self.back_since is None else time.monotonic() - self.back_since
        return self.away_since is not None or back_s < grace_s

    def close(self) -> None:
        """Closes the connection; the next transaction would open another."""
        with self._lock:
            self._drop()

    def _patiently(
        self, work: Callable[[Transaction], T], begin: str | None, patience_s: float
    ) -> T:
        deadline = time.monotonic() + patience_s
        for tries, pause_s in enumerate(_pauses()):
            try:
                with self._lock:
                    return self._once(work, begin, tries)
            except sa.exc.DBAPIError as error:
                self._judge(error, deadline - pause_s)
            time.sleep(pause_s)
        raise AssertionError("pauses never end")

    def _once(self, work: Callable[[Transaction], T], begin: str | None, tries: int) -> T:
        transaction = Transaction(self._connected(), self.kind, tries, self._number)
        try:
            if begin is not None:
                transaction.execute(begin)
            result = work(transaction)
            if begin is not None:
                transaction.execute("COMMIT")
        except BaseException as error:
            self._undo(transaction, begin, error)
            raise
        self._heard()
        return result

    def _connected(self) -> sa.Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
            self._number += 1
        return self._connection

    def _undo(self, transaction: Transaction, begin: str | None, error: BaseException) -> None:
        """Rolls back what was begun; a connection that has failed is given up."""
        failed = isinstance(error, sa.exc.DBAPIError) and not dialects.contended(error.orig)
        if not failed and begin is not None:
            try:
                transaction.execute("ROLLBACK")
            except sa.exc.SQLAlchemyError:  # the connection is gone, or SQLite has not even begun
                failed = True
        if failed:
            transaction.close()
            self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sa.exc.SQLAlchemyError):
                self._connection.invalidate()  # or it would be rolled back, be it gone or not
                self._connection.close()
            self._connection = None

    def _heard(self) -> None:
        if self.away_since is not None:
            self.away_since, self.back_since = None, time.monotonic()

    def _judge(self, error: sa.exc.DBAPIError, deadline: float) -> None:
        """Returns if another try is worth it.

        Raises:
            StorageError: it is not, or the time is up.
        """
        cause = error.orig or error
        if not dialects.passes(cause):
            if isinstance(error, sa.exc.IntegrityError | sa.exc.ProgrammingError):
                raise error
            raise StorageError(f"{shown(self.url)}: {_reason(cause)}") from cause
        if not dialects.contended(cause):
            self.away_since = self.away_since or time.monotonic()
        if time.monotonic() > deadline:
            raise StorageAway(f"{shown(self.url)}: out of reach: {_reason(cause)}") from cause

    def _prepare(self, patience_s: float) -> None:
        def work(transaction: Transaction) -> None:
            if not tables.is_current(transaction.connection):
                tables.create(transaction.connection, self.url)

        try:
            # On SQLite Optuna creates its tables through a connection of its own, which a
            # transaction held here would lock out; the lock in `creation.create` does instead.
            self._patiently(work, None, patience_s)
        except (RuntimeError, sa.exc.DatabaseError) as error:
            if isinstance(error, StorageError):
                raise
            raise StorageError(f"{shown(self.url)}: {_reason(error)}") from error
        except ImportError as error:
            raise StorageError(f"{shown(self.url)}: no driver for it: {error}") from error


def _pauses() -> Iterator[float]:
    """Seconds between tries: doubling from 20 ms to 5 s, scattered so that workers spread out."""
    pause_s = 0.02
    while True:
        yield pause_s * _CHANCE.uniform(0.5, 1.5)
        pause_s = min(2 * pause_s, 5.0)


def _reason(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return " ".join(line.strip() for line in lines)[:400]
