"""The reading of a table: its columns by kind, and the numbers that models get of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from studyhall.search.data import precision
from studyhall.search.data.arrays import Arrays
from studyhall.search.data.columns import features, fitting, kinds
from studyhall.search.data.columns.features import Column
from studyhall.search.data.errors import DataError, problem, shortened
from studyhall.search.data.row_places import Place
from studyhall.search.data.sources import row_times, table_origins, target_column, windows
from studyhall.search.data.sources.table_origins import Origin
from studyhall.search.data.sources.windows import Series
from studyhall.spaces import spelling

if TYPE_CHECKING:
    import pandas as pd

BLOCK_ROWS = 1024  # of features that are filled in at a time, as many as a processor's cache holds
AS_TEXT = ("category", "text", "date", "decimal comma")  # kinds whose numbers may be no numbers


@dataclass(frozen=True)
class Roles:
    """The columns of a table that `[data]` names.

    Attributes:
        target: to predict.
        group: whose rows stay in one part of the split.
        kinds: `[data.columns]`.
        split_by: whose values order the rows.
        series: windows over the rows, which are the samples then; the target is learned from, too.
        task: `[data] task`.
        embeds: models learn a vector for each value of a category of many.
    """

    target: str | None = None
    group: str | None = None
    kinds: Mapping[str, str] | None = None
    split_by: str | None = None
    series: Series | None = None
    task: str = "auto"
    embeds: bool = False

    @property
    def wanted(self) -> Mapping[str, str]:
        """The kinds by column."""
        return self.kinds or {}

    @property
    def named(self) -> set[str]:
        """The columns that are not learned from."""
        named = (self.group,) if self.series else (self.target, self.group)
        return {name for name in named if name is not None}


class Table(NamedTuple):
    """The rows of a table that have a target.

    Attributes:
        rows: as they stand.
        place: where they stand.
        target: the values to predict, as models get them or as classes are called.
        notes: sentences on what was left out, and on how the target was read.
    """

    rows: pd.DataFrame
    place: Place
    target: pd.Series[Any]
    notes: Sequence[str] = ()


def read(origin: Origin, roles: Roles) -> Arrays:
    """Read a table.

    Args:
        origin: a file that `table_files.is_table`, several of them, or a query.
        roles: the columns that `[data]` names.

    Returns:
        The features as float32, or as float64 where float32 loses information; NaN stands for
        missing numbers.

    Raises:
        DataError: the table is empty or ragged, lacks a column, or has a column that can be read
            in two ways or in none. Messages count rows from 1, without the header.
    """
    rows, place, target, notes = table(origin, roles)
    learned = rows.drop(columns=[*roles.named])
    # Its own past is no copy of a target to come.
    other = None if roles.series else rows[str(roles.target)]
    found = fitting.fitted(learned, place, roles.wanted, other, embeds=roles.embeds)
    problems = [
        *spelled_alike(target.dropna(), place),
        *_precise(learned, found.columns, place),
        *found.problems,
    ]
    if not (problems or found.columns):
        received = f"{place.name} with no column to learn from: {'; '.join(found.notes)}"
        problems = [problem("source", received, "columns to learn from")]
    if problems:
        raise DataError(problems)
    arrays = Arrays(
        matrix(learned, found.columns),
        features.values(target),
        columns=features.feature_names(found.columns),
        one_hot=tuple(flag for column in found.columns for flag in column.flags),
        categories={
            each.name: each.values
            for each in found.columns
            if each.kind == "category" and not each.embedded
        },
        groups=None if roles.group is None else features.values(rows[roles.group]),
        table=tuple(found.columns),
        notes=(*notes, *found.notes),
        place=place,
    )
    if roles.series is not None:
        return windows.samples(arrays, windows.over(roles.series, rows, place), target)
    return arrays if roles.split_by is None else in_order(arrays, rows, roles, place)


def in_order(arrays: Arrays, rows: pd.DataFrame, roles: Roles, place: Place) -> Arrays:
    """Return the samples with the times of `split_by`, by which the parts follow each other."""
    name = str(roles.split_by)
    times = row_times.of(rows[name], roles.wanted.get(name, ""), place)
    return replace(arrays, order=np.stack([times, times], axis=1))


def table(origin: Origin, roles: Roles) -> Table:
    """Read the rows of a table that have a target.

    A series keeps all rows, as none can be left out of the windows over it.

    Raises:
        DataError: the table lacks rows, or a column that `roles` names; or its target can't be
            read.
    """
    as_text = {name for name, kind in roles.wanted.items() if kind.partition(":")[0] in AS_TEXT}
    rows, place = table_origins.read(origin, as_text)
    _has(rows, place, roles)
    name = str(roles.target)
    wanted = roles.wanted.get(name, "")
    if roles.series and wanted == "drop":  # its past is not learned from, but it is predicted
        wanted = ""
    found = target_column.read(rows[name], wanted, roles.task, place)
    missing = found.missing
    if missing.all():
        received = f"no value in any row of {place.name}, column {name}"
        raise DataError([problem("target", received, "a column with values")])
    if not missing.any() or roles.series:
        return Table(rows, place, found.values, found.notes)
    said = f"{spelling.counted(int(missing.sum()), 'row')} of {len(missing)} left out"
    notes = (*found.notes, f"{said}: no value in {name}, the target")
    kept = rows[~missing].reset_index(drop=True)
    known = found.values[~missing].reset_index(drop=True)
    return Table(kept, place.taken(~missing), known, notes)


def matrix(rows: pd.DataFrame, listed: Sequence[Column]) -> NDArray[Any]:
    """Return the features (N, features) of rows, as float32 if that loses no information."""
    read = [(column, features.raw(column, rows[column.name])) for column in listed]
    wide = any(
        precision.needs_float64(each)
        for column, values in read
        if not all(column.flags)
        for each in features.encoded(column, values)
    )
    width = len(features.feature_names(listed))
    x, place = np.empty((len(rows), width), np.float64 if wide else np.float32), 0
    for column, values in read:
        found = features.encoded(column, values)
        _fill(x[:, place : place + len(found)], found)
        place += len(found)
    return x


def _fill(x: NDArray[Any], numbers: Sequence[NDArray[Any]]) -> None:
    """Fill in the features (N, features) of one column."""
    for start in range(0, len(x), BLOCK_ROWS):
        block = slice(start, start + BLOCK_ROWS)
        for number, each in enumerate(numbers):
            x[block, number] = each[block]


def _has(rows: pd.DataFrame, place: Place, roles: Roles) -> None:
    """Refuse a table without rows, or without a column that the study file names."""
    names = {"target": roles.target, "group": roles.group, "split_by": roles.split_by}
    problems = [
        _missing(key, name, rows.columns, place)
        for key, name in names.items()
        if name not in rows.columns and not (key != "target" and name is None)
    ]
    problems += [
        _missing("columns", name, rows.columns, place)
        for name in roles.wanted
        if name not in rows.columns
    ]
    if rows.empty:
        problems.append(problem("source", f"{place.name} without rows", "at least one"))
    elif not problems and {*rows.columns} <= roles.named:
        received = f"{place.name} with nothing but {shortened(rows.columns)}"
        problems.append(problem("source", received, "columns to learn from"))
    problems = problems or [*_without_values(rows, place, roles)]
    if problems:
        raise DataError(problems)


def _without_values(rows: pd.DataFrame, place: Place, roles: Roles) -> Iterable[str]:
    """Yield a problem for each column of lists, structures or bytes that is not left out."""
    for name in rows:
        if roles.wanted.get(str(name)) != "drop" and (kind := kinds.no_values(rows[name])):
            key = f'[data.columns] {kinds.key_of(rows[name])} = "drop"'
            free = name not in (roles.target, roles.group, roles.split_by)
            expected = f"{kinds.EXPECTED}{f', or {key}' if free else ''}"
            yield problem("source", f"{kind} in {place.column(name)}", expected)


def _missing(key: str, name: str | None, names: Iterable[str], place: Place) -> str:
    guess = spelling.nearest(name or "", [*names])
    meant = f'; did you mean "{guess}"?' if guess else ""
    received = "nothing" if name is None else f'"{name}"'
    return problem(key, received, f"a column of {place.name}: {shortened(names)}{meant}")


def _precise(rows: pd.DataFrame, listed: Sequence[Column], place: Place) -> Iterable[str]:
    """Yield a problem for each column of whole numbers whose last digits float64 would lose."""
    for column in listed:
        series = rows[column.name]
        if column.kind != "number" or features.is_text(series):
            continue
        there = np.flatnonzero(series.notna())
        known = series.iloc[there].to_numpy()
        try:
            precision.check(known[:, np.newaxis], partial(_where, place, column.name, there))
        except DataError as error:
            yield from error.problems


def spelled_alike(target: pd.Series[Any], place: Place) -> Iterable[str]:
    """Yield a problem if classes differ in nothing but small and capital letters."""
    if not features.is_text(target):
        return
    names = np.unique(features.words(target).astype(str))
    lower = [name.lower() for name in names]
    alike = [str(name) for name in names if lower.count(name.lower()) > 1]
    if alike:
        received = f"the classes {shortened(alike)} in {place.column(target.name)}"
        yield problem("target", received, "one spelling for each class")


def _where(place: Place, name: str, rows: NDArray[np.int64], row: int, _: int) -> str:
    return place.column(name, int(rows[row]))
