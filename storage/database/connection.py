"""The connection to a database, and transactions that are repeated after an outage."""

import contextlib
import math
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar
from urllib.parse import unquote, urlsplit

from studyhall.storage.database import dialects, troubles, urls, versions, waits
from studyhall.storage.database.clock import ClockWatch
from studyhall.storage.database.opened_file import OpenedFile
from studyhall.storage.database.transaction import Row, Transaction
from studyhall.storage.database.urls import (
    Address,
    StorageAway,
    StorageError,
    StorageFull,
    StorageReplaced,
    default_url,
    shown,
)
from studyhall.storage.database.waits import Waits

if TYPE_CHECKING:
    import sqlalchemy as sa
    from optuna.storages import RDBStorage

__all__ = ["Database", "Row", "StorageAway", "StorageError", "Transaction", "default_url", "shown"]

PATIENCE_S = 300.0  # how long a transaction is repeated before it gives up
OPEN_PATIENCE_S = 10.0

T = TypeVar("T")


class Database:
    """One open connection to a database that holds Optuna's tables and ours.

    Every call of `transaction` is one unit of work. It is repeated when the connection breaks, even
    if its COMMIT has succeeded and only the answer was lost. So a unit of work must check whether
    it has been done before (`Transaction.again`).

    Attributes:
        kind: "sqlite" or "postgresql".
        away_since: `time.monotonic()` of the first failure of an outage; None if there is none.
        clock: what this process has seen of the database's clock.
        waits: what this process does while transactions fail.
    """

    def __init__(self, address: Address) -> None:
        self.kind: Literal["sqlite", "postgresql"] = address.kind
        self.away_since: float | None = None
        self.clock, self.waits = ClockWatch(), Waits()
        if address.file is not None:  # a program may change its working directory
            address = replace(address, file=address.file.absolute())
        self._address = address
        self._connection: Any = None  # of the driver
        self._number = 0  # counts the connections opened so far
        self._lock = threading.RLock()
        # Of SQLite; None until the file is there.
        self._opened = OpenedFile.at(self.file) if self.kind == "sqlite" else None

    @property
    def url(self) -> "sa.URL":
        """The database's URL, as SQLAlchemy's object."""
        return self._address.url

    @classmethod
    def open(cls, url: str, *, create: bool = True, patience_s: float = OPEN_PATIENCE_S) -> Self:
        """Open a database; create it and its tables where they are missing.

        Args:
            url: `sqlite:///file` or `postgresql://user@host/name`.
            create: create the SQLite file if it is missing.
            patience_s: how many seconds to keep trying to reach a server.

        Raises:
            StorageError: it cannot be reached, read or written, or another version of studyhall
                or Optuna has created its tables.
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
        """The file of a SQLite database."""
        written = self.url.database if self._address.file is None else None
        if written is not None and written.startswith("file:"):  # a URI, for options of SQLite's
            return Path(unquote(urlsplit(written).path))
        return self._address.file or Path(written or "")

    def __str__(self) -> str:
        """Return the database's URL, without the password."""
        return shown(self._address.text)

    def another(self) -> "Database":
        """Return the same database with a connection of its own, for another thread."""
        other = Database(self._address)
        other.clock, other.waits = self.clock, self.waits
        return other

    def transaction(self, work: Callable[[Transaction], T], *, patience_s: float = PATIENCE_S) -> T:
        """Run `work` in one writing transaction; repeat it after errors that may be temporary.

        Args:
            work: the function that runs the statements. It may run more than once.
            patience_s: how many seconds to keep trying; 0 tries once.

        Returns:
            The result of `work`.

        Raises:
            StorageAway: the database stayed unreachable.
            StorageError: the database refuses a statement. Its cause is the driver's error.
            IntegrityError, ProgrammingError: (the driver's) a constraint or a statement is wrong.
        """
        return self._patiently(work, dialects.BEGIN[self.kind]["write"], patience_s)

    def snapshot(self, work: Callable[[Transaction], T], *, patience_s: float = PATIENCE_S) -> T:
        """Run `work`, which only reads, in one transaction that sees the state of one moment.

        It does not make writers wait. Arguments and errors are those of `transaction`.
        """
        return self._patiently(work, dialects.BEGIN[self.kind]["read"], patience_s)

    def statement(self, work: Callable[[Transaction], T], *, patience_s: float = PATIENCE_S) -> T:
        """Run `work`, a single statement, without BEGIN and COMMIT: it is a transaction by itself.

        Arguments and errors are those of `transaction`.
        """
        return self._patiently(work, None, patience_s)

    def optuna_storage(self) -> "RDBStorage":
        """Return Optuna's storage on this database, for the dashboard and other readers."""
        from studyhall.storage.database import setup

        return setup.reading_storage(self.url)

    def close(self) -> None:
        """Close the connection; the next transaction opens a new one."""
        with self._lock:
            self._drop()

    def _patiently(
        self, work: Callable[[Transaction], T], begin: str | None, patience_s: float
    ) -> T:
        """Run `work` until it succeeds, fails for good, or the patience is at an end."""
        began = time.monotonic()
        for tries, pause_s in enumerate(waits.pauses()):
            try:
                with self._lock:  # not held while pausing: other threads may use the connection
                    return self._once(work, begin, tries)
            except Exception as error:
                cause = dialects.cause(error, self.kind)
                if cause is None:
                    raise
                self._judge(cause, began, patience_s, pause_s)
            self.waits.pause(pause_s)
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
        self.away_since = None
        if begin != dialects.BEGIN[self.kind]["read"]:
            self.waits.succeeded()
        return result

    def check_file(self) -> None:
        """Check that a SQLite file is still the one that was opened.

        A process that has it open could write on into a file that nobody else will ever read.

        Raises:
            StorageReplaced: it was deleted, moved, replaced or overwritten.
        """
        if self._opened is not None and not self._opened.is_there():
            raise StorageReplaced(
                f"{self}: the file was deleted, moved, replaced or overwritten while it was in "
                "use; put it back, or go on with what is there now"
            )

    def _connected(self) -> Any:
        self.check_file()
        if self._connection is None:
            self._connection = dialects.connect(self._address)
            self._number += 1
            if self.kind == "sqlite" and self._opened is None:
                self._opened = OpenedFile.at(self.file)
        return self._connection

    def _undo(self, transaction: Transaction, begin: str | None, error: BaseException) -> None:
        """Roll back the transaction; drop a connection that has failed."""
        cause = dialects.cause(error, self.kind)
        failed = cause is not None and not dialects.contended(cause)
        # A signal's handler has cut a call short: its answer may never come.
        failed = failed or not isinstance(error, Exception)
        if not failed and begin is not None:
            try:
                transaction.execute("ROLLBACK")
            except dialects.driver(self.kind).Error:  # the connection is gone, or BEGIN has failed
                failed = True
        if failed:
            transaction.close()
            self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(dialects.driver(self.kind).Error):
                self._connection.close()
            self._connection = None

    def _judge(self, cause: Exception, began: float, patience_s: float, pause_s: float) -> None:
        """Return if the transaction should be tried again after a pause.

        Raises:
            StorageAway: its patience ends before that.
            StorageError: the error is permanent.
            IntegrityError, ProgrammingError: (the driver's) `cause` itself, for the caller.
        """
        if not dialects.passes(cause):
            driver = dialects.driver(self.kind)
            if isinstance(cause, driver.IntegrityError | driver.ProgrammingError):
                raise cause
            raise StorageError(f"{self}: {troubles.reason(cause)}") from cause
        if not dialects.contended(cause):
            self.away_since = self.away_since or time.monotonic()
            self.clock.restart()
        trouble = troubles.of(cause, str(self), self.file if self.kind == "sqlite" else None)
        if patience_s:
            self.waits.failed(began, trouble.waiting)
        if trouble.is_full and self.waits.lasting and patience_s >= PATIENCE_S:
            patience_s = math.inf
        if time.monotonic() + pause_s > self.waits.deadline(began, patience_s):
            away = StorageFull if trouble.is_full else StorageAway
            raise away(f"{self}: {trouble.said}") from cause

    def _prepare(self, patience_s: float) -> None:
        def work(transaction: Transaction) -> None:
            if not versions.is_current(transaction):
                from studyhall.storage.database import setup

                setup.create(self.url, lambda: versions.is_current(transaction))

        try:
            # Without BEGIN: `tables.create` opens connections of its own, which a transaction held
            # here would lock out on SQLite. `tables.create` has a lock of its own instead.
            self._patiently(work, None, patience_s)
        except ImportError as error:
            raise StorageError(f"{self}: the database's driver is missing: {error}") from error
        except StorageError:
            raise
        except Exception as error:
            # A RuntimeError is a version check's, ours or Optuna's, with what to do.
            if not isinstance(error, RuntimeError) and not dialects.cause(error, self.kind):
                raise
            raise StorageError(f"{self}: {troubles.reason(error)}") from error
