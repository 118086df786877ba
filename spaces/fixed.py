"""Fixed trials: the configurations in ``[[trials]]``, which run before the search begins."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from studyhall.spaces import hyperparameters
from studyhall.spaces.entry import Entry, Value
from studyhall.spaces.entry_checks import MOST
from studyhall.spaces.legal import Scalar
from studyhall.spaces.space import Space
from studyhall.spaces.spelling import as_toml, one_of

NAME = "name"  # the one key that is not a hyperparameter
_LEGAL_NAME = re.compile(r'[^"\\]{1,100}')

Problem = tuple[int, str, str, str]  # number of the trial, from 1; key; received; expected


@dataclass(frozen=True)
class FixedTrial:
    """One fixed configuration.

    Attributes:
        name: The user's name for it; None without one.
        params: Its parameters in Optuna; the sampler chooses all others.
    """

    name: str | None
    params: dict[str, Scalar]


def read(tables: Sequence[Mapping[str, Any]], space: Space) -> list[FixedTrial]:
    """Return the fixed trials of tables that `problems` has checked."""
    return [FixedTrial(table.get(NAME), _params(table, space)) for table in tables]


def problems(
    tables: Sequence[Mapping[str, Any]], space: Space, *, family: str
) -> Iterator[Problem]:
    """Yield every mistake in ``[[trials]]``, whose values must lie within ``[space]``.

    Args:
        tables: The tables as parsed from TOML.
        space: The study's search space.
        family: a built-in family or the user's own function, which may use any other names.
    """
    names: list[object] = []
    for number, table in enumerate(tables, start=1):
        if NAME in table:
            yield from ((number, NAME, *found) for found in _name_problems(table[NAME], names))
        names.append(table.get(NAME))
        values = {key: value for key, value in table.items() if key != NAME}
        for key, value in values.items():
            for expected in _expected(key, values, space, family):
                yield number, key, as_toml(value), expected


def _params(table: Mapping[str, Any], space: Space) -> dict[str, Scalar]:
    values = {key: value for key, value in table.items() if key != NAME}
    written = {entry.name for entry in space.entries}
    own = {key: value for key, value in values.items() if key not in written}
    return {**space.params(values), **own}


def _name_problems(name: object, before: list[object]) -> Iterator[tuple[str, str]]:
    if not isinstance(name, str) or not _LEGAL_NAME.fullmatch(name) or not name.isprintable():
        yield as_toml(name), "1 to 100 characters, without quotes and backslashes"
    elif name in before:
        yield as_toml(name), f"a unique name; [[trials]] {before.index(name) + 1} already has it"


def _expected(key: str, values: Mapping[str, Any], space: Space, family: str) -> Iterator[str]:
    """Yield what is expected instead of one value that can't be used."""
    entries = {entry.name: entry for entry in space.entries}
    if key not in entries:
        yield from _of_unwritten(key, values[key], entries, family)
    elif not _fits(entries[key], values[key]):
        yield _in_words(entries[key])
    else:
        yield from _missing_conditions(entries[key], values, entries)
        yield from _missing_layers(entries[key], values, space)


def _of_unwritten(
    key: str, value: object, entries: Mapping[str, Entry], family: str
) -> Iterator[str]:
    if not hyperparameters.is_built_in(family):
        if not _is_scalar(value):
            yield "a number, a string, true or false"
    elif key in hyperparameters.known(family):
        yield f"an entry {key} in [space] that allows this value"
    else:
        yield one_of(key, entries) + " (what [space] has)"


def _fits(entry: Entry, value: Any) -> bool:
    if entry.layers:
        return isinstance(value, list) and tuple(value) == entry.layers
    if entry.per_layer and isinstance(value, list):
        return bool(value) and all(_is_scalar(each) and entry.allows(each) for each in value)
    return _is_scalar(value) and entry.allows(value)


def _in_words(entry: Entry) -> str:
    shown = entry.row()[2]
    if entry.constant:
        return f"{shown}, which is constant in [space]"
    return f"one of {shown}" if entry.choices else shown


def _missing_conditions(
    entry: Entry, values: Mapping[str, Any], entries: Mapping[str, Entry]
) -> Iterator[str]:
    chosen = {name: each.choices[0] for name, each in entries.items() if _is_one_value(each)}
    if not entry.applies({**chosen, **values}):
        yield f"{entry.row()[3]} in the same trial"


def _missing_layers(entry: Entry, values: Mapping[str, Any], space: Space) -> Iterator[str]:
    """Require a depth for per-layer values: the number of layers must be known in advance."""
    if not entry.per_layer or entry.constant:
        return
    depth = values.get("depth", _depth(space))
    value: Value = values[entry.name]
    if depth is None:
        yield "depth in the same trial"
    elif isinstance(value, list) and len(value) != depth:
        yield f"{depth} values, one for each layer"


def _depth(space: Space) -> int | None:
    """Return the number of layers of every trial; None if ``depth`` is searched."""
    entry = next((each for each in space.entries if each.name == "depth"), None)
    if entry is None:
        return space.depth
    return int(entry.choices[0]) if _is_one_value(entry) else None


def _is_one_value(entry: Entry) -> bool:
    return entry.constant and not entry.layers and not entry.per_layer


def _is_scalar(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, bool | str) or (isinstance(value, int) and abs(value) <= MOST)
