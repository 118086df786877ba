"""What a unit of work sees: statements on one connection, all or nothing."""

import functools
import re
from collections.abc import Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from studyhall.storage.database import dialects

_NAMED = re.compile(r"(?<![:\w]):(\w+)")  # no cast, and no colon inside a word


class Row(tuple[Any, ...]):
    """A row: its values in their order, and by the names of their columns."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...


class Transaction:
    """Statements on one connection, as its driver's cursor takes them.

    Args:
        connection: the driver's, to work on.
        kind: "sqlite" or "postgresql".
        tries: how often the work has been tried before.
        number: of the connection.
    """

    def __init__(self, connection: Any, kind: str, tries: int, number: int) -> None:
        self.kind = kind
        self.again = tries > 0  # an earlier try may have been committed unnoticed
        self.connection_number = number  # grows with each new connection of the process
        self._cursor: Any = connection.cursor()

    def rows(self, text: str, **values: Any) -> list[Row]:
        """All rows; `{now}`, `{utc}` and `{lock}` are spelt for this database."""
        statement = _statement(self.kind, text)
        self.execute(statement.sql, statement.binds(values))
        named = statement.row_type(self._cursor)
        return [named(row) for row in self._cursor.fetchall()]

    def row(self, text: str, **values: Any) -> Row | None:
        """The first row, if any."""
        rows = self.rows(text, **values)
        return rows[0] if rows else None

    def value(self, text: str, **values: Any) -> Any:
        """The first value of the first row, which must be there."""
        return self.rows(text, **values)[0][0]

    def run(self, text: str, **values: Any) -> int:
        """Runs a statement whose rows nobody asks for; how many it has written."""
        statement = _statement(self.kind, text)
        self.execute(statement.sql, statement.binds(values))
        return int(self._cursor.rowcount)

    def execute(self, sql: str, binds: Any = ()) -> None:
        """Gives the driver a statement in its own spelling."""
        self._cursor.execute(sql, binds)

    def close(self) -> None:
        """Lets go of its last statement, with which SQLite would hold on to its locks."""
        self._cursor.close()


class _Statement:
    """A statement as a driver takes it, which is found out once."""

    def __init__(self, kind: str, text: str) -> None:
        spelt = text.format(**dialects.CLOCKS[kind])
        # SQLite reads `:name` itself, psycopg wants `%(name)s`.
        self.sql = spelt if kind == "sqlite" else _NAMED.sub(r"%(\1)s", spelt.replace("%", "%%"))
        self._names = tuple(dict.fromkeys(_NAMED.findall(spelt)))
        self._row_type: type[Row] | None = None

    def binds(self, values: Mapping[str, Any]) -> Any:
        """The values by name, no others."""
        return {name: values[name] for name in self._names}

    def row_type(self, cursor: Any) -> type[Row]:
        """Rows with the names of a result's columns."""
        if self._row_type is None:
            names = [column[0] for column in cursor.description]
            values = {name: property(itemgetter(at)) for at, name in enumerate(names)}
            self._row_type = type("Row", (Row,), {"__slots__": (), **values})
        return self._row_type


@functools.cache
def _statement(kind: str, text: str) -> _Statement:
    return _Statement(kind, text)
