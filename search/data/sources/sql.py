"""Tables that a query reads from a database: SQLite or PostgreSQL, in a read-only transaction.

Passwords come from where libpq looks for them ($PGPASSWORD, ~/.pgpass), never from a study file.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from studyhall.search.data import unicode_form
from studyhall.search.data.errors import DataError, problem, refusal, shortened
from studyhall.search.data.row_places import Place
from studyhall.search.data.sources import table_files
from studyhall.search.study_file import paths
from studyhall.spaces import spelling
from studyhall.storage.database import urls

if TYPE_CHECKING:
    import pandas as pd
    import sqlalchemy as sa

SCHEME = re.compile(r"(sqlite|postgresql)(\+\w+)?://")
ORDERED = re.compile(r"\border\s+by\b", re.IGNORECASE)
SQLITE = b"SQLite format 3\0"  # at the beginning of its files
TIMEOUT_S = 10  # until a server counts as unreachable
LONGEST = 80  # characters of a query in messages


@dataclass(frozen=True)
class Query:
    """The rows that a query reads.

    Attributes:
        url: of the database, without a password.
        text: the query.
        folder: that the path of a SQLite file is relative to.
        in_order: the rows have the query's own order; otherwise they are put in one of their own,
            as a database may give them in another each time.
    """

    url: str
    text: str
    folder: Path
    in_order: bool = False

    @property
    def name(self) -> str:
        """The database, for messages."""
        return urls.shown(self.url)


def is_database(source: str) -> bool:
    """Return True for the URL of a database."""
    return SCHEME.match(source) is not None


def is_file(path: Path) -> bool:
    """Return True for a file that is a SQLite database, whatever its name."""
    with path.open("rb") as file:
        return file.read(len(SQLITE)) == SQLITE


def file_of(url: str, folder: Path) -> Path | None:
    """Return the file of a SQLite URL; None for a server."""
    parsed = urls.parse(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    return folder / paths.expanded(parsed.database or "")


def check(url: str, query: str | None, folder: Path) -> None:
    """Check that there is a query, and a SQLite file, without reading anything.

    Raises:
        DataError: one of them is missing.
    """
    problems = []
    if query is None:
        problems.append(problem("query", "nothing", "a select on the tables of this database"))
    path = file_of(url, folder)
    if path is not None and not path.is_file():
        received = f'"{url}", which does not exist ({path.absolute()})'
        problems.append(problem("source", received, "a SQLite file"))
    if problems:
        raise DataError(problems)


def read(query: Query) -> tuple[pd.DataFrame, Place]:
    """Read the rows of a query, with the types of their columns.

    Raises:
        DataError: the database can't be reached, the query fails or gives no rows, or a column has
            values that are no numbers, text, dates or truth values.
    """
    if query.in_order and not ORDERED.search(query.text):
        wanted = "order by in it; for windows also [data] split_by, the column of the times"
        raise refusal("query", f"{_cut(query)}, whose rows have no order", wanted)
    names, rows = _fetched(query)
    if twice := table_files.twice(names):
        received = f"two columns called {shortened(twice)}"
        raise refusal("query", received, "a name of its own for each column: a.id as a_id")
    if not rows:
        raise refusal("query", f"{_cut(query)} without rows", "at least one row")
    return _in_order(_table(names, rows), query)


def _in_order(table: pd.DataFrame, query: Query) -> tuple[pd.DataFrame, Place]:
    """Put rows in the order of all their values, so that every worker has the same ones."""
    place = Place(query.name)
    if query.in_order:
        return table, place
    order = table.reset_index(drop=True).sort_values([*table.columns], kind="stable").index
    rows = order.to_numpy()
    return table.iloc[rows].reset_index(drop=True), place.taken(rows)


def _fetched(query: Query) -> tuple[list[str], Sequence[Any]]:
    import sqlalchemy as sa

    with _connected(query) as connection:
        try:
            result = connection.exec_driver_sql(query.text)
            if not result.returns_rows:
                raise refusal("query", f"{_cut(query)}, which gives no rows", "a select")
            return [*map(str, result.keys())], result.all()
        except sa.exc.SQLAlchemyError as error:
            received = f"{_cut(query)} ({_reason(error)})"
            raise refusal("query", received, _expected(query)) from error


@contextmanager
def _connected(query: Query) -> Iterator[sa.Connection]:
    """Open a connection that can't write."""
    import sqlalchemy as sa

    engine = _engine(query)
    # Without parameters, so that % and : in the query stand for themselves.
    options = {"no_parameters": True, "postgresql_readonly": True}
    try:
        connection = engine.connect().execution_options(**options)
    except (sa.exc.SQLAlchemyError, sqlite3.Error, UnicodeError) as error:
        received = f'"{query.name}" ({_reason(error)})'
        raise refusal("source", received, "a database that can be read") from error
    with closing(connection):
        yield connection


def _engine(query: Query) -> sa.Engine:
    import sqlalchemy as sa

    path = file_of(query.url, query.folder)
    if path is not None:
        address = f"file:{quote(str(path.absolute()))}?mode=ro"
        return sa.create_engine(
            "sqlite://", creator=lambda: sqlite3.connect(address, uri=True), poolclass=sa.NullPool
        )
    url = urls.parse(query.url)
    given = {} if "connect_timeout" in url.query else {"connect_timeout": TIMEOUT_S}
    return sa.create_engine(url, poolclass=sa.NullPool, connect_args=given)


def _expected(query: Query) -> str:
    """Return what a query should be: a select, on which tables."""
    import sqlalchemy as sa

    try:
        with _connected(query) as connection:
            inspected = sa.inspect(connection.execution_options(no_parameters=False))
            names = [*inspected.get_table_names(), *inspected.get_view_names()]
    except (sa.exc.SQLAlchemyError, DataError):
        names = []
    return f"a select on {shortened(names)}" if names else "a select on a table of the database"


def _reason(error: Exception) -> str:
    """Return what the database says, in one line."""
    own = getattr(error, "orig", None) or error
    lines = [line.strip() for line in str(own).splitlines() if line.strip()]
    return lines[0] if lines else type(own).__name__


def _cut(query: Query) -> str:
    return f'"{spelling.cut(" ".join(query.text.split()), LONGEST)}"'


def _table(names: Sequence[str], rows: Sequence[Any]) -> pd.DataFrame:
    import pandas as pd

    from studyhall.search.data.sources import sql_types

    columns, problems = {}, []
    for name, values in zip(names, zip(*rows, strict=True), strict=True):
        try:
            columns[name] = sql_types.column(values)
        except ValueError as error:
            expected = "numbers, text, dates or truth values: leave it out, or cast it"
            problems.append(problem("query", f"{error} in column {name}", expected))
    if problems:
        raise DataError(problems)
    return unicode_form.table(pd.DataFrame(columns))
