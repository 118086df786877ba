"""The connection to a database, and transactions that are repeated after an outage."""

import contextlib
import math
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar
from urllib.parse import unquote, urlsplit

from studyhall.storage.database import dialects, urls, versions
from studyhall.storage.database.opened_file import OpenedFile
from studyhall.storage.database.transaction import Row, Transaction
from studyhall.storage.database.urls import Address, StorageAway, StorageError, default_url, shown

if TYPE_CHECKING:
    import sqlalchemy as sa
    from optuna.storages import RDBStorage

__all__ = ["Database", "Row", "StorageAway", "StorageError", "Transaction", "default_url", "shown"]

PATIENCE_S = 300.0  # how long a transaction is repeated before it gives up
OPEN_PATIENCE_S = 10.0
_CHANCE = random.Random()  # not the global generator, from which Keras draws seeds of weights

T = TypeVar("T")


class Database:
    """One open connection to a database that holds Optuna's tables and ours.

    Every call of `transaction` is one unit of work. It is repeated when the connection breaks, even
    if its COMMIT has succeeded and only the answer was lost. So a unit of work must check whether
    it has been done before (`Transaction.again`).

    Attributes:
        kind: "sqlite" or "postgresql".
        away_since: `time.monotonic()` of the first failure of an outage; None if there is none.
        back_since: `time.monotonic()` of the first success after the last outage.
    """

    def __init__(self, address: Address) -> None:
        self.kind: Literal["sqlite", "postgresql"] = address.kind
        self.away_since: float | None = None
        self.back_since: float | None = None
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
        return Database(self._address)

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

    def was_away(self, grace_s: float) -> bool:
        """Tell whether the database is unreachable, or was less than `grace_s` seconds ago."""
        back_s = math.inf if self.back_since is None else time.monotonic() - self.back_since
        return self.away_since is not None or back_s < grace_s

    def close(self) -> None:
        """Close the connection; the next transaction opens a new one."""
        with self._lock:
            self._drop()

    def _patiently(
        self, work: Callable[[Transaction], T], begin: str | None, patience_s: float
    ) -> T:
        """Run `work` until it succeeds, fails for good, or the patience is at an end."""
        deadline = time.monotonic() + patience_s
        for tries, pause_s in enumerate(_pauses()):
            try:
                with self._lock:  # not held while pausing: other threads may use the connection
                    return self._once(work, begin, tries)
            except Exception as error:
                cause = dialects.cause(error, self.kind)
                if cause is None:
                    raise
                self._judge(cause, deadline - pause_s)  # rather give up than sleep beyond it
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

    def check_file(self) -> None:
        """Check that a SQLite file is still the one that was opened.

        A process that has it open could write on into a file that nobody else will ever read.

        Raises:
            StorageError: it was deleted, moved or replaced.
        """
        if self._opened is not None and not self._opened.is_there():
            raise StorageError(
                f"{self}: the file was deleted, moved or replaced while it was in use; "
                "put it back, or begin with what is there now; checkpoints and models of the "
                "trials are kept in the artifacts' folder"
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

    def _heard(self) -> None:
        if self.away_since is not None:
            self.away_since, self.back_since = None, time.monotonic()

    def _judge(self, cause: Exception, deadline: float) -> None:
        """Return if the transaction should be tried again.

        Raises:
            StorageAway: the deadline has passed.
            StorageError: the error is permanent.
            IntegrityError, ProgrammingError: (the driver's) `cause` itself, for the caller.
        """
        if not dialects.passes(cause):
            driver = dialects.driver(self.kind)
            if isinstance(cause, driver.IntegrityError | driver.ProgrammingError):
                raise cause
            raise StorageError(f"{self}: {_reason(cause)}") from cause
        if not dialects.contended(cause):
            self.away_since = self.away_since or time.monotonic()
        if time.monotonic() > deadline:
            raise StorageAway(f"{self}: not reachable: {_reason(cause)}") from cause

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
            raise StorageError(f"{self}: {_reason(error)}") from error


def _pauses() -> Iterator[float]:
    """Yield pauses between tries: doubling from 20 ms to 5 s, times a random 0.5 to 1.5.

    The random factor keeps workers from trying again all at the same moment.
    """
    pause_s = 0.02
    while True:
        yield pause_s * _CHANCE.uniform(0.5, 1.5)
        pause_s = min(2 * pause_s, 5.0)


def _reason(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return " ".join(line.strip() for line in lines)[:400]
