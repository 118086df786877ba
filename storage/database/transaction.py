"""What a unit of work sees: statements on one connection, all or nothing."""

import functools
from collections.abc import Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from studyhall.storage.database import dialects


class Row(tuple[Any, ...]):
    """A row: its values in their order, and by the names of their columns."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...


class Transaction:
    """Statements on one connection.

    SQLAlchemy opens the connection and spells the statements. They go straight to the driver's
    cursor: what SQLAlchemy does between the two takes a worker longer than all the rest.

    Args:
        connection: to work on.
        kind: "sqlite" or "postgresql".
        tries: how often the work has been tried before.
        number: of the connection.
    """

    def __init__(self, connection: sa.Connection, kind: str, tries: int, number: int) -> None:
        self.connection = connection
        self.kind = kind
        self.again = tries > 0  # an earlier try may have been committed unnoticed
        self.connection_number = number  # grows with each new connection of the process
        self._cursor: Any = connection.connection.cursor()

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

    def write(self, text: str, **values: Any) -> int:
        """Runs a statement that returns nothing; how many rows it has written."""
        statement = _statement(self.kind, text)
        self.execute(statement.sql, statement.binds(values))
        return int(self._cursor.rowcount)

    def run(self, text: str, **values: Any) -> sa.CursorResult[*tuple[Any, ...]]:
        """Runs one statement by way of SQLAlchemy, whose result can do more."""
        statement = _statement(self.kind, text)
        return self.connection.exec_driver_sql(statement.sql, statement.binds(values))

    def execute(self, sql: str, binds: Any = ()) -> None:
        """Gives the driver a statement in its own spelling.

        Raises:
            sqlalchemy.exc.DBAPIError: what the driver has raised, as SQLAlchemy wraps it.
        """
        dialect = self.connection.dialect
        try:
            self._cursor.execute(sql, binds)
        except dialect.loaded_dbapi.Error as error:
            wrapped = sa.exc.DBAPIError.instance(
                sql, binds, error, dialect.loaded_dbapi.Error, dialect=dialect
            )
            raise wrapped from error

    def close(self) -> None:
        """Lets go of its last statement, with which SQLite would hold on to its locks."""
        self._cursor.close()


class _Statement:
    """A statement as a driver takes it, which is found out once."""

    def __init__(self, kind: str, text: str) -> None:
        dialect = _dialect(kind)
        compiled = sa.text(text.format(**dialects.CLOCKS[kind])).compile(dialect=dialect)
        self.sql = str(compiled)
        self._order = tuple(compiled.positiontup or ()) if dialect.positional else None
        self._row_type: type[Row] | None = None

    def binds(self, values: Mapping[str, Any]) -> Any:
        """The values by name, or in the order of their places."""
        return values if self._order is None else tuple(values[name] for name in self._order)

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


@functools.cache
def _dialect(kind: str) -> sa.Dialect:
    return sa.make_url(f"{dialects.DRIVERS[kind]}://").get_dialect()()
