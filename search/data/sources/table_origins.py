"""The origin of a table: a file, several files by a pattern, or a query to a database."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from studyhall.search.data.row_places import Place
from studyhall.search.data.sources import source_check, sql, table_files, table_patterns
from studyhall.search.data.sources.sql import Query
from studyhall.search.data.sources.table_patterns import Files
from studyhall.search.study_file.input_sections import DataSection

if TYPE_CHECKING:
    import pandas as pd

Origin: TypeAlias = Path | Files | Query


def of(section: DataSection, folder: Path) -> Origin | None:
    """Return the path, the files or the query of a source; None for a collection or a function.

    A path may also be that of an archive of arrays, or of a folder.

    Raises:
        DataError: it does not exist.
    """
    source = section.source
    if sql.is_database(source):
        sql.check(source, section.query, folder)
        in_order = section.windows is not None and section.split_by is None
        return Query(source, section.query or "", folder, in_order)
    if not source_check.is_on_disk(source):
        return None
    if table_patterns.is_pattern(source, folder):
        return table_patterns.matched(source, folder)
    return source_check.existing(source, folder)


def read(origin: Origin, as_text: Collection[str] = ()) -> tuple[pd.DataFrame, Place]:
    """Read all rows as they stand, and return them with their places.

    Args:
        origin: what to read.
        as_text: columns whose numbers are to stay text; a database has types of its own.

    Raises:
        DataError: it is empty, ragged or no table.
    """
    if isinstance(origin, Query):
        return sql.read(origin)
    if isinstance(origin, Files):
        return table_patterns.read(origin, as_text)
    return table_files.read(origin, as_text), Place(origin.name)
