"""The one column of a table that holds the texts of a study."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from studyhall.search.data.arrays import Arrays
from studyhall.search.data.columns import features, fitting, kinds
from studyhall.search.data.columns.features import Column
from studyhall.search.data.errors import DataError, problem, shortened
from studyhall.search.data.row_places import Place
from studyhall.search.data.sources import tables
from studyhall.search.data.sources.table_origins import Origin
from studyhall.search.data.sources.tables import Roles

if TYPE_CHECKING:
    import pandas as pd


TEXTS = ("text", "category")  # a few different texts look like categories
KINDS = (*TEXTS, "boolean", "date", "number")  # the first are the most likely to be texts


def read(origin: Origin, roles: Roles) -> Arrays:
    """Read the texts and targets of a table.

    Args:
        origin: a file that `table_files.is_table`, several of them, or a query.
        roles: the columns that `[data]` names.

    Raises:
        DataError: the table can't be read, or has another column to learn from, or none of texts.
    """
    rows, place, target, notes = tables.table(origin, roles)
    learned = rows.drop(columns=[*roles.named])
    found = fitting.fitted(learned, place, _wanted(learned, roles), rows[str(roles.target)])
    problems = [*tables.spelled_alike(target.dropna(), place), *found.problems]
    problems = problems or [*_not_one(found.columns, learned, place)]
    if problems:
        raise DataError(problems)
    (column,) = found.columns
    arrays = Arrays(
        features.words(rows[column.name]),
        features.values(target),
        columns=(column.name,),
        groups=None if roles.group is None else features.values(rows[roles.group]),
        notes=(*notes, *_about_others(found.notes, column)),
        place=place,
    )
    return arrays if roles.split_by is None else tables.in_order(arrays, rows, roles, place)


def _wanted(learned: pd.DataFrame, roles: Roles) -> Mapping[str, str]:
    """Return the kinds of columns; the only one that is learned from holds texts."""
    kept = [name for name in map(str, learned) if roles.wanted.get(name) != "drop"]
    if len(kept) == 1 and kept[0] not in roles.wanted and features.is_text(learned[kept[0]]):
        return {**roles.wanted, kept[0]: "text"}
    return roles.wanted


def _not_one(found: Sequence[Column], learned: pd.DataFrame, place: Place) -> Iterable[str]:
    """Yield a problem unless there is one column, of texts."""
    likely = sorted(found, key=lambda column: KINDS.index(column.kind))
    texts = [each for each in likely if each.kind in TEXTS]
    if len(found) == 1 and texts:
        return
    names = shortened(each.name for each in found) or "nothing to learn from"
    keys = [kinds.key_of(learned[each.name]) for each in likely]
    if not texts:
        expected = f'a column of texts, such as [data.columns] {(keys or ["notes"])[0]} = "text"'
    else:
        dropped = ", ".join(f'{key} = "drop"' for key in keys[1:])
        expected = f'one column: [data.columns] {dropped}; family = "mlp" takes several'
    yield problem("source", f'{names} in {place.name} for family = "text"', expected)


def _about_others(notes: Iterable[str], column: Column) -> Iterable[str]:
    """Return the notes without those on rare words, of which a trial's vocabulary decides."""
    return (note for note in notes if not note.startswith(f"column {column.name}: "))
