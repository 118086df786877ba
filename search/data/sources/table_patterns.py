"""Tables in several files, named by a pattern: `exports/*.csv`."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studyhall.search.data.errors import DataError, problem, refusal, shortened
from studyhall.search.data.row_places import Place
from studyhall.search.data.sources import table_files
from studyhall.search.study_file import paths
from studyhall.spaces import spelling

if TYPE_CHECKING:
    import pandas as pd

NAMED = 5  # files in a message; the rest is counted
WILD = re.compile(r"[*?[]")


@dataclass(frozen=True)
class Files:
    """The files that a pattern matches.

    Attributes:
        name: the pattern, as written.
        paths: the files, in the order of their names.
    """

    name: str
    paths: tuple[Path, ...]


def is_pattern(source: str, folder: Path) -> bool:
    """Return True for a path with `*`, `?` or `[`, unless a file or a folder is called so."""
    return WILD.search(source) is not None and not os.path.lexists(folder / paths.expanded(source))


def matched(pattern: str, folder: Path) -> Files:
    """Return the tables that a pattern matches; `**` stands for any folders.

    Args:
        pattern: as written.
        folder: that it is relative to.

    Raises:
        DataError: it matches no file, or files that are no tables, or of several formats.
    """
    written = str(paths.expanded(pattern))
    found = sorted(
        path
        for name in glob.glob(written, root_dir=folder, recursive=True)
        if (path := folder / name).is_file()
    )
    if not found:
        received = f'"{pattern}", which no file matches (in {folder.absolute()})'
        raise refusal("source", received, "a pattern of tables, such as exports/*.csv")
    _check_formats(pattern, found)
    return Files(pattern, tuple(found))


def _check_formats(pattern: str, found: Sequence[Path]) -> None:
    others = [path.name for path in found if not table_files.is_table(path)]
    kinds = {table_files.suffix(path): path.name for path in reversed(found)}
    if others:
        received = f'"{pattern}", which matches {shortened(others, NAMED)}'
    elif len(kinds) > 1:
        received = (
            f'"{pattern}" for files of several formats, such as {shortened(sorted(kinds.values()))}'
        )
    else:
        return
    raise refusal("source", received, "files of one format, each a table")


def read(files: Files, as_text: Collection[str] = ()) -> tuple[pd.DataFrame, Place]:
    """Read all files as one table, below each other; columns are found by their names.

    Args:
        files: what `matched` returned.
        as_text: columns whose numbers are to stay text.

    Raises:
        DataError: a file can't be read, or its columns or their types are others.
    """
    import pandas as pd

    names = _names(files)
    tables = _read_alike(files, as_text)
    problems = [*_other_columns(tables, names)] or [*_other_types(tables, names)]
    if problems:
        raise DataError(problems)
    place = Place(files.name, tuple((n, len(t)) for n, t in zip(names, tables, strict=True)))
    some = [table for table in tables if len(table)] or tables[:1]
    known = [table.dropna(axis="columns", how="all") for table in some]
    joined = pd.concat(known, ignore_index=True).reindex(columns=tables[0].columns)
    return joined, place


def _names(files: Files) -> list[str]:
    """Return the files' names, with their folders where these differ."""
    if len({path.parent for path in files.paths}) == 1:
        return [path.name for path in files.paths]
    common = os.path.commonpath([path.parent for path in files.paths])
    return [os.path.relpath(path, common) for path in files.paths]


def _read_alike(files: Files, as_text: Collection[str]) -> list[pd.DataFrame]:
    """Read each file; columns that are text in one of them are text in all."""
    tables = [table_files.read(path, as_text) for path in files.paths]
    kinds = [_kinds(table) for table in tables]
    mixed = {
        name for each in kinds for name in each if len({k[name] for k in kinds if name in k}) > 1
    }
    if not mixed:
        return tables
    return [table_files.read(path, {*as_text, *mixed}) for path in files.paths]


def _kinds(table: pd.DataFrame) -> dict[str, str]:
    """Return the kind of value in each column that has some."""
    return {str(name): _kind(column) for name, column in table.items() if column.notna().any()}


def _kind(column: pd.Series[Any]) -> str:
    from pandas.api import types

    if types.is_bool_dtype(column):
        return "truth values"
    if types.is_numeric_dtype(column):
        return "numbers"
    return "dates" if types.is_datetime64_any_dtype(column) else "text"


def _other_columns(tables: Sequence[pd.DataFrame], names: Sequence[str]) -> Iterator[str]:
    """Yield a problem for each file whose columns are not those of the first."""
    first = [*tables[0].columns]
    for table, name in zip(tables[1:], names[1:], strict=True):
        lacks = [column for column in first if column not in table.columns]
        more = [column for column in table.columns if column not in first]
        if lacks or more:
            said = [f"without {shortened(lacks)}"] if lacks else []
            said += [f"with {shortened(more)}"] if more else []
            expected = f"the columns of {names[0]}: {shortened(first)}"
            yield problem("source", f"{name} {' and '.join(said)}", expected)


def _other_types(tables: Sequence[pd.DataFrame], names: Sequence[str]) -> Iterator[str]:
    """Yield a problem for each column of different types, which files have that know types."""
    found: dict[str, dict[str, str]] = {}
    for table, name in zip(tables, names, strict=True):
        for column, kind in _kinds(table).items():
            found.setdefault(column, {}).setdefault(kind, name)
    for column, kinds in found.items():
        if len(kinds) > 1:
            seen = " and ".join(f"{kind} in {name}" for kind, name in kinds.items())
            wanted = f"one type for {spelling.as_key(column)}"
            yield problem("source", f"column {column} with {seen}", wanted)
