"""The transaction that a unit of work gets, to run statements on one connection."""

import functools
import re
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from studyhall.storage.database import dialects

_NAMED = re.compile(r"(?<![:\w]):(\w+)")  # `:name`, but not `::type` or a colon inside a word


class Row(tuple[Any, ...]):
    """A row of a result: a tuple whose values are also attributes named after the columns."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...


class Transaction:
    """The statements of one transaction, run through a cursor of the driver.

    In the text of a statement `:name` stands for a value, and `{now}`, `{utc}` and `{lock}` for
    SQL in the database's dialect (`dialects.CLOCKS`). Literal braces are doubled.

    Args:
        connection: the driver's connection.
        kind: "sqlite" or "postgresql".
        tries: how often the unit of work has been tried before.
        number: number of the connection, which grows with each new one of the `Database`.
    """

    def __init__(self, connection: Any, kind: str, tries: int, number: int) -> None:
        self.kind = kind
        self.again = tries > 0  # an earlier try may have been committed, its answer lost
        self.connection_number = number
        self._cursor: Any = connection.cursor()

    def rows(self, text: str, **values: Any) -> list[Row]:
        """Run a statement and return all its rows."""
        statement = _statement(self.kind, text)
        self.execute(statement.sql, statement.binds(values))
        named = statement.row_type(self._cursor)
        return [named(row) for row in self._cursor.fetchall()]

    def mappings(self, text: str, **values: Any) -> list[dict[str, Any]]:
        """Run a statement and return all its rows as values by column."""
        statement = _statement(self.kind, text)
        self.execute(statement.sql, statement.binds(values))
        names = [column[0] for column in self._cursor.description]
        return [dict(zip(names, row, strict=True)) for row in self._cursor.fetchall()]

    def row(self, text: str, **values: Any) -> Row | None:
        """Run a statement and return its first row; None if it has none."""
        rows = self.rows(text, **values)
        return rows[0] if rows else None

    def value(self, text: str, **values: Any) -> Any:
        """Run a statement and return the first value of its first row.

        Raises:
            IndexError: there is no row.
        """
        return self.rows(text, **values)[0][0]

    def run(self, text: str, **values: Any) -> int:
        """Run a statement that returns no rows; return how many rows it has written."""
        statement = _statement(self.kind, text)
        self.execute(statement.sql, statement.binds(values))
        return int(self._cursor.rowcount)

    def run_many(self, text: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run a statement that returns no rows once for each mapping of values by name."""
        if rows:
            statement = _statement(self.kind, text)
            self._cursor.executemany(statement.sql, [statement.binds(row) for row in rows])

    def execute(self, sql: str, binds: Any = ()) -> None:
        """Run a statement in the driver's own syntax, with its placeholders."""
        self._cursor.execute(sql, binds)

    def close(self) -> None:
        """Close the cursor; SQLite would keep the locks of an open statement."""
        self._cursor.close()


class _Statement:
    """A statement translated into the driver's syntax; translated once, then cached."""

    def __init__(self, kind: str, text: str) -> None:
        spelt = text.format(**dialects.CLOCKS[kind])
        # SQLite reads `:name` itself, psycopg wants `%(name)s`.
        self.sql = spelt if kind == "sqlite" else _NAMED.sub(r"%(\1)s", spelt.replace("%", "%%"))
        self._names = tuple(dict.fromkeys(_NAMED.findall(spelt)))
        self._row_type: type[Row] | None = None

    def binds(self, values: Mapping[str, Any]) -> Any:
        """Return the values that the statement uses, by name."""
        return {name: values[name] for name in self._names}

    def row_type(self, cursor: Any) -> type[Row]:
        """Return the class of the statement's rows, with a property for each column."""
        if self._row_type is None:
            names = [column[0] for column in cursor.description]
            values = {name: property(itemgetter(at)) for at, name in enumerate(names)}
            self._row_type = type("Row", (Row,), {"__slots__": (), **values})
        return self._row_type


@functools.cache
def _statement(kind: str, text: str) -> _Statement:
    return _Statement(kind, text)
