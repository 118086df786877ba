"""The one door to a database: opening it, and transactions that outlive its absences."""

import contextlib
import math
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from studyhall.storage.database import dialects, urls, versions
from studyhall.storage.database.transaction import Row, Transaction
from studyhall.storage.database.urls import Address, StorageAway, StorageError, default_url, shown

if TYPE_CHECKING:
    import sqlalchemy as sa
    from optuna.storages import RDBStorage

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

    def __init__(self, address: Address) -> None:
        self.kind: Literal["sqlite", "postgresql"] = address.kind
        self.away_since: float | None = None  # time.monotonic() of the first failure in a row
        self.back_since: float | None = None  # … and of the first success after it
        self._address = address
        self._connection: Any = None  # the driver's
        self._number = 0
        self._lock = threading.RLock()

    @property
    def url(self) -> "sa.URL":
        """Where it is, as SQLAlchemy reads it."""
        return self._address.url

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
        address = urls.address(url)
        if address.kind == "sqlite":
            urls.check_file(address, create)
        database = cls(address)
        try:
            database._prepare(patience_s)
        except BaseException:
            database.close()
            raise
        return database

    @property
    def file(self) -> Path:
        """SQLite's file."""
        return self._address.file or Path(self.url.database or "")

    def __str__(self) -> str:
        """Its URL, without the password."""
        return shown(self._address.text)

    def another(self) -> "Database":
        """The same database through a connection of its own, for another thread."""
        return Database(self._address)

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

    def optuna_storage(self) -> "RDBStorage":
        """Optuna's own storage on this database, for the dashboard and other readers."""
        from studyhall.storage.database import tables

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
            except Exception as error:
                cause = dialects.cause(error, self.kind)
                if cause is None:
                    raise
                self._judge(cause, deadline - pause_s)
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

    def _connected(self) -> Any:
        if self._connection is None:
            self._connection = dialects.connect(self._address)
            self._number += 1
        return self._connection

    def _undo(self, transaction: Transaction, begin: str | None, error: BaseException) -> None:
        """Rolls back what was begun; a connection that has failed is given up."""
        cause = dialects.cause(error, self.kind)
        failed = cause is not None and not dialects.contended(cause)
        if not failed and begin is not None:
            try:
                transaction.execute("ROLLBACK")
            except dialects.driver(self.kind).Error:  # it is gone, or SQLite has not even begun
                failed = True
        if failed:
            transaction.close()
            self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(dialects.driver(self.kind).Error):
                self._connection.close()
            self._connection = None

    def _heard(self) -> None:
        if self.away_since is not None:
            self.away_since, self.back_since = None, time.monotonic()

    def _judge(self, cause: Exception, deadline: float) -> None:
        """Returns if another try is worth it.

        Raises:
            StorageError: it is not, or the time is up.
        """
        if not dialects.passes(cause):
            driver = dialects.driver(self.kind)
            if isinstance(cause, driver.IntegrityError | driver.ProgrammingError):
                raise cause
            raise StorageError(f"{self}: {_reason(cause)}") from cause
        if not dialects.contended(cause):
            self.away_since = self.away_since or time.monotonic()
        if time.monotonic() > deadline:
            raise StorageAway(f"{self}: out of reach: {_reason(cause)}") from cause

    def _prepare(self, patience_s: float) -> None:
        def work(transaction: Transaction) -> None:
            if not versions.is_current(transaction):
                from studyhall.storage.database import tables

                tables.create(self.url, lambda: versions.is_current(transaction))

        try:
            # Tables are created through connections of their own, which a transaction held here
            # would lock out on SQLite; the lock in `creation.create` does instead.
            self._patiently(work, None, patience_s)
        except ImportError as error:
            raise StorageError(f"{self}: no driver for it: {error}") from error
        except StorageError:
            raise
        except Exception as error:
            if not isinstance(error, RuntimeError) and not dialects.cause(error, self.kind):
                raise
            raise StorageError(f"{self}: {_reason(error)}") from error


def _pauses() -> Iterator[float]:
    """Seconds between tries: doubling from 20 ms to 5 s, scattered so that workers spread out."""
    pause_s = 0.02
    while True:
        yield pause_s * _CHANCE.uniform(0.5, 1.5)
        pause_s = min(2 * pause_s, 5.0)


def _reason(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return " ".join(line.strip() for line in lines)[:400]
