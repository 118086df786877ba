"""New rows that a query reads from a database, to be predicted."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from studyhall.search.data.errors import DataError
from studyhall.search.data.sources import sql
from studyhall.search.data.sources.sql import Query
from studyhall.search.study_file.value_types import Source

Data = TypeVar("Data")


def of(data: Data, query: str | None) -> Data | Query:
    """Return the query of a database's URL, and any other data as they are.

    Args:
        data: what is to be predicted, perhaps a URL such as sqlite:///shop.db, relative to the
            working directory.
        query: a select with an `order by`: predictions are numbered in the order of its rows.

    Raises:
        DataError: there is a URL without a query, or the other way round; the URL has a password;
            or its file does not exist.
    """
    if not isinstance(data, str) or not sql.is_database(data):
        if query is not None:
            received = f"received a query for {data if isinstance(data, str) else 'other data'}"
            raise DataError([f"predict: {received}, expected the URL of a database"])
        return data
    _check_url(data)
    sql.check(data, query, Path())
    return Query(data, str(query), Path(), in_order=True)


def _check_url(url: str) -> None:
    try:
        TypeAdapter(Source).validate_python(url)
    except ValidationError as error:
        expected = str(error.errors()[0]["ctx"]["error"])
        # It may hold a password, so it is not shown.
        raise DataError([f"predict: received the URL of a database, expected {expected}"]) from None
