"""The columns that models learn from: chosen, and fitted to the values of a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from studyhall.search.data.columns import dates, features, kinds, numbers, suspicion
from studyhall.search.data.columns.features import Column
from studyhall.search.data.columns.kinds import MOST_CATEGORIES, ColumnError, Inferred
from studyhall.search.data.errors import problem
from studyhall.search.data.row_places import Place
from studyhall.spaces import spelling

if TYPE_CHECKING:
    import pandas as pd

MOST_WORDS = 1000  # of a column of texts
MOST_EMBEDDED = 100_000  # values of a category that models learn a vector for; the rarest are one
RARE = 2  # rows that a category needs in a table of MANY rows, else it counts as rare
MANY = 100
MOST_WAYS = 3  # of writing a number that a note shows


@dataclass
class Fitted:
    """The columns of a table.

    Attributes:
        columns: those that models learn from.
        notes: a sentence for each column that is left out or not taken as it stands.
        problems: a line for each column that can't be read as it should.
    """

    columns: list[Column] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def fitted(
    table: pd.DataFrame,
    place: Place,
    wanted: Mapping[str, str],
    target: pd.Series[Any] | None = None,
    *,
    embeds: bool = False,
) -> Fitted:
    """Choose the columns of a table and fit them to its values.

    Args:
        table: the columns to learn from, as read.
        place: of its rows, for messages.
        wanted: `[data.columns]`: kinds by column.
        target: the column to predict.
        embeds: models learn a vector for each value of a category of many.
    """
    found = Fitted()
    for name in table:
        column = table[name]
        said: list[str] = []
        try:
            made = _column(column, wanted.get(str(name), ""), target, said, embeds)
        except ColumnError as error:
            where = place.column(name, error.row)
            found.problems.append(problem("source", f"{error.received} in {where}", error.expected))
            continue
        found.notes += [f"column {name}: {text}" for text in said]
        found.columns += [] if made is None else [made]
    return found


def _column(
    series: pd.Series[Any],
    wanted: str,
    target: pd.Series[Any] | None,
    said: list[str],
    embeds: bool,
) -> Column | None:
    """Return the column, and say what is to be known of it; None if it is left out.

    Raises:
        ColumnError: it can't be read as it should.
    """
    kind = wanted.partition(":")[0]
    if kind == "drop":
        said.append("left out, as [data.columns] says")
        return None
    if not kind and (why := suspicion.of(series, target)):
        said.append(_left_out(series, why, "keep"))
        return None
    chosen = kind_of(series, wanted)
    if not kind and chosen.kind == "category" and (why := suspicion.of_words(series)):
        said.append(_left_out(series, why, "category"))
        return None
    column = Column(str(series.name), chosen.kind, form=chosen.form)
    if chosen.kind == "text":
        return _of_texts(series, column, said)
    if chosen.kind == "category":
        return _of_categories(series, column, said, embeds)
    return _of_numbers(series, column, said)


def kind_of(series: pd.Series[Any], wanted: str) -> Inferred:
    """Return the kind of a column, as it seems to be or as `[data.columns]` says.

    Raises:
        ColumnError: it can't be told.
    """
    kind, _, form = wanted.partition(":")
    return kinds.of(series) if kind in ("", "keep", "drop") else _wanted(series, kind, form)


def _left_out(series: pd.Series[Any], why: str, kind: str) -> str:
    return f'left out: {why}; [data.columns] {kinds.key_of(series)} = "{kind}" keeps it'


def _wanted(series: pd.Series[Any], kind: str, form: str) -> Inferred:
    """Return what `[data.columns]` says of a column."""
    if kind == numbers.DECIMAL_COMMA:
        return Inferred("number", kind)
    if kind == "number" and features.is_text(series):
        separated = series.astype(str).str.contains(",", regex=False, na=False).any()
        return Inferred("number", numbers.THOUSANDS if separated else "")
    if kind != "date" or form or not features.is_text(series):
        return Inferred(kind, form)  # type: ignore[arg-type]  # the study file was checked
    some = series[~numbers.is_missing(series.astype(str))].astype(str)
    if formats := dates.formats_of(some):
        return Inferred("date", kinds.one_format(series, formats, some))
    text = str(some.iloc[0]) if len(some) else str(series.iloc[0])
    raise kinds.at(series, text, f'a date; or its format: {kinds.key_of(series)} = "date:%d.%m.%Y"')


def _of_numbers(series: pd.Series[Any], column: Column, said: list[str]) -> Column:
    """Return a column of numbers, dates or truth values."""
    values = features.raw(column, series)
    _check(series, column, values)
    if column.kind == "date":
        column = replace(column, hours=dates.have_hours(values))
        said += [f"dates, read as {column.form}"] if column.form else []
    if missing := int(np.isnan(values).sum()):
        said.append(
            f"no value in {spelling.counted(missing, 'row')}: the mean, and a feature that says so"
        )
    if column.kind == "number" and features.is_text(series):
        said += _how_read(series, column)
        column = replace(column, unit=_unit(series))
    return replace(column, gaps=missing > 0)


def _unit(series: pd.Series[Any]) -> str:
    """Return the per cent sign or currency that all of a column's values have; "" if they don't."""
    some = series[~numbers.is_missing(series.astype(str))].astype(str)
    units = numbers.units(some)
    found = {*units} - {""}  # that of some amounts is that of all
    return found.pop() if len(found) == 1 and ("%" not in found or (units == "%").all()) else ""


def _check(series: pd.Series[Any], column: Column, values: Any) -> None:
    """Refuse values that are neither missing nor what they should be, or that lose digits."""
    bad = features.strange(series, values)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        received = "infinity" if np.isinf(values[row]) else f'"{series.iloc[row]}"'
        more = f" (and {bad.sum() - 1} more)" if bad.sum() > 1 else ""
        raise ColumnError(received + more, _EXPECTED[column.kind].format(form=column.form), row)
    if not features.is_text(series):
        return
    long = numbers.loses_digits(series.astype(str), values)
    if len(long):
        received = f"{series.iloc[long[0]]} (last digits lost in float64)"
        key = kinds.key_of(series)
        expected = f'numbers below 2**53, or [data.columns] {key} = "category" or "drop"'
        raise ColumnError(received, expected, int(long[0]))


_EXPECTED = {
    "number": "a number",
    "boolean": "true or false",
    "date": "a date like {form}",
}


def _how_read(series: pd.Series[Any], column: Column) -> list[str]:
    """Say how numbers were read that are not written plainly."""
    texts = series.fillna("").astype(str)
    unusual = texts[~numbers.is_missing(texts) & ~numbers.is_plain(texts)]
    if unusual.empty:
        return []
    # One of each way of writing: what is said of the first need not hold for the others.
    ways = unusual.str.replace(r"\d+", "0", regex=True).drop_duplicates().index[:MOST_WAYS]
    read = features.measured(texts[ways], column.form)
    pairs = zip(texts[ways], read, strict=True)
    return ["numbers, with " + ", ".join(f'"{text}" read as {value:.12g}' for text, value in pairs)]


def _of_texts(series: pd.Series[Any], column: Column, said: list[str]) -> Column:
    """Return a column of texts, with the words that are frequent."""
    texts = features.words(series)
    counts = Counter(word for text in texts for word in features.split_words(text))
    return _of_frequent(column, counts, MOST_WORDS, len(texts), said)


def _of_categories(series: pd.Series[Any], column: Column, said: list[str], embeds: bool) -> Column:
    """Return a column of categories, with those that are frequent."""
    values = features.words(series)
    counts = Counter(values)
    frequent = sum(count >= _least(len(values)) for count in counts.values())
    embedded = embeds and frequent > MOST_CATEGORIES
    most = MOST_EMBEDDED if embedded else MOST_CATEGORIES
    column = _of_frequent(replace(column, embedded=embedded), counts, most, len(values), said)
    if embedded:
        many = f"{len(column.values)} values, more than {MOST_CATEGORIES}"
        said.append(f"{many}: models learn a vector for each, not a 0 or 1")
    if missing := counts[features.NO_VALUE]:
        said.append(f"no value in {spelling.counted(missing, 'row')}: a category of its own")
    return column


def _of_frequent(
    column: Column, counts: Counter[str], most: int, rows: int, said: list[str]
) -> Column:
    """Return a column with the most frequent of its values or words; the others count as one."""
    kept = [each for each, count in counts.most_common(most) if count >= _least(rows)]
    kept = kept or [*counts][:most]
    if rare := len(counts) - len(kept):
        what = "values" if column.kind == "category" else "words"
        said.append(f"{rare} of {len(counts)} {what} are rare, and count as one")
    return replace(column, values=tuple(sorted(kept)), other=rare > 0)


def _least(rows: int) -> int:
    """Return the rows that a category or word needs, else it counts as rare."""
    return RARE if rows >= MANY else 1
