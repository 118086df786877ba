"""The mistakes of ``[space]`` and ``[[trials]]``, which other mistakes of the file do not hide."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from studyhall.search.study_file.mistake import FIXED, Mistake, Tables
from studyhall.search.study_file.value_types import USER_FAMILY
from studyhall.spaces import fixed, hyperparameters, space, spelling

MOST_POINTS = 1_000_000  # points of a grid, which every worker keeps in memory


def of_space(tables: Tables) -> list[Mistake]:
    """Return the mistakes of ``[space]``, even if other tables have mistakes too."""
    table = tables.get("space", {})
    if not isinstance(table, dict):
        return []
    try:
        read = space.read_space(table, family=_family(tables))
    except space.SpaceError as error:
        return [Mistake("space", *problem) for problem in error.problems]
    return list(_not_in_a_grid(read)) if _written(tables, "search", "sampler") == "grid" else []


def of_trials(tables: Tables) -> list[Mistake]:
    """Return the mistakes of ``[[trials]]``, unless ``[space]`` has mistakes itself."""
    listed, table = tables.get("trials", []), tables.get("space", {})
    if not (_is_list_of_tables(listed) and isinstance(table, dict)):
        return []
    family = _family(tables)
    try:
        read = space.read_space(table, family=family)
    except space.SpaceError:
        return []
    found = fixed.problems(listed, read, family=family)
    return [
        Mistake(FIXED, f"{number} {spelling.as_key(key)}", *rest) for number, key, *rest in found
    ]


def _is_list_of_tables(listed: Any) -> bool:
    return isinstance(listed, list) and all(isinstance(each, dict) for each in listed)


def _written(tables: Tables, table: str, key: str) -> Any:
    section = tables.get(table)
    return section.get(key) if isinstance(section, dict) else None


def _family(tables: Tables) -> str:
    """Return the family by which to check names; if it is invalid, one that allows any name."""
    family = _written(tables, "model", "family") or "mlp"
    built_in = hyperparameters.is_built_in(str(family))
    known = isinstance(family, str) and (built_in or USER_FAMILY.fullmatch(family))
    return family if known else "unknown.py:build"


def _not_in_a_grid(read: space.Space) -> Iterator[Mistake]:
    """Yield float ranges without a step, which have no grid, and a grid with too many points."""
    without = [e for e in read.entries if isinstance(e.low, float) and not e.step]
    for entry in without:
        expected = 'a list or a step, which sampler = "grid" needs'
        yield Mistake("space", entry.name, "a range without a step", expected)
    if not without and (points := _points(read)) > MOST_POINTS:
        received = f'"grid" with {points:.3g} points' if points < math.inf else '"grid"'
        expected = f"at most {MOST_POINTS} points, or another sampler"
        yield Mistake("search", "sampler", received, expected)


def _points(read: space.Space) -> float:
    """Return the number of configurations in the grid; inf if it is beyond 1e300."""
    depth = read.largest().get("depth", read.depth)
    layers = depth if isinstance(depth, int) else read.depth
    exponents = [math.log10(e.count()) * len(e.names(layers)) for e in read.entries]
    return 10 ** sum(exponents) if sum(exponents) < 300 else math.inf
