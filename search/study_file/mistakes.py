"""What is wrong with a study file, in the user's words: ``[table] key: received …, expected …``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from studyhall.search.study_file import objectives, reference
from studyhall.search.study_file.sections import USER_FAMILY, StudyFile
from studyhall.spaces import fixed, hyperparameters, space, spelling

Tables = dict[str, Any]

MOST_POINTS = 1_000_000  # of a grid, which every worker lists
LONGEST = 80  # characters of a received value that are shown
LONGEST_LINE = 200  # of all that was received, or of a name
TABLES = tuple(StudyFile.model_fields)
FIXED = "[trials]"  # in brackets of its own: an array of tables


@dataclass(frozen=True)
class Mistake:
    """One mistake; ``table`` is empty for a key outside of tables, ``key`` for a whole table."""

    table: str
    key: str
    received: str
    expected: str

    def __str__(self) -> str:
        key = self.key and (self.key if self.table == FIXED else spelling.as_key(self.key))
        table = self.table and f"[{spelling.visible(self.table)}]"
        place = " ".join(part for part in (table, key) if part)
        received = spelling.cut(self.received, LONGEST_LINE)
        return f"{spelling.cut(place, LONGEST_LINE)}: received {received}, expected {self.expected}"


def of_models(error: ValidationError, tables: Tables) -> list[Mistake]:
    """One mistake per key that the models refused, table by table."""
    found: dict[tuple[str, str], Mistake] = {}
    for detail in error.errors(include_url=False):
        table, *rest = (str(part) for part in detail["loc"])
        key = rest[0] if rest and table != "trials" else ""
        mistake = _of_key(table, key, detail, tables) if key else _of_table(table, detail)
        # A union tells of each of its members: one line for the key is enough.
        found.setdefault((table, key), mistake)
    order = {table: position for position, table in enumerate(TABLES)}
    return sorted(found.values(), key=lambda mistake: order.get(mistake.table, len(order)))


def of_space(tables: Tables) -> list[Mistake]:
    """The mistakes of ``[space]``, also where other tables have some."""
    table = tables.get("space", {})
    if not isinstance(table, dict):
        return []
    try:
        read = space.read_space(table, family=_family(tables))
    except space.SpaceError as error:
        return [Mistake("space", *problem) for problem in error.problems]
    return list(_not_in_a_grid(read)) if _written(tables, "search", "sampler") == "grid" else []


def of_trials(tables: Tables) -> list[Mistake]:
    """The mistakes of ``[[trials]]``, where ``[space]`` has none."""
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


def of_whole(file: StudyFile) -> list[Mistake]:
    """Keys that are right by themselves but don't go together."""
    pruning = [*_of_hyperband(file), *_of_wilcoxon(file)]
    return [*_of_number(file), *_of_objectives(file), *pruning]


def _of_number(file: StudyFile) -> Iterator[Mistake]:
    if len(file.trials) > file.study.trials:
        expected = f"at least {len(file.trials)}, as many as there are [[trials]]"
        yield Mistake("study", "trials", str(file.study.trials), expected)


def _of_objectives(file: StudyFile) -> Iterator[Mistake]:
    """Names that nobody knows, and what Optuna can't do for several objectives."""
    first, *others = names = objectives.of_file(file.study.model_dump())
    known = [name for name in objectives.KNOWN if name not in objectives.AT_THE_END]
    if first not in known and file.study.direction == "auto":
        near = spelling.nearest(first, known)
        meant = f'"{near}"' if near else f"one of {', '.join(known)}"
        expected = f"{meant}; for a metric of your own model, direction as well"
        yield Mistake("study", "objective", f'"{first}"', expected)
    for name in others:
        if name not in objectives.KNOWN:
            yield Mistake(
                "study", "objective", f'"{name}"', spelling.one_of(name, [*objectives.KNOWN])
            )
    if others and file.search.pruner not in ("auto", "none"):
        received = f'"{file.search.pruner}" with {len(names)} objectives'
        yield Mistake("search", "pruner", received, '"auto" or "none": pruners have one objective')
    if others and file.search.sampler == "cmaes":
        received = f'"cmaes" with {len(names)} objectives'
        yield Mistake("search", "sampler", received, '"auto": cmaes has one objective')


def _of_hyperband(file: StudyFile) -> Iterator[Mistake]:
    least, most = file.search.pruner_min_epochs, file.training.epochs
    if file.search.pruner == "hyperband" and least > most:
        expected = f"at most the {most} epochs of a trial"
        yield Mistake("search", "pruner_min_epochs", str(least), expected)


def _of_wilcoxon(file: StudyFile) -> Iterator[Mistake]:
    """With n differences the signed-rank test gives no p-value below 1 / 2^n."""
    parts, limit = file.data.folds * file.training.repeats, file.search.pruner_p_value
    needed = math.floor(-math.log2(limit)) + 2  # nothing is left to save after the last part
    if file.search.pruner == "wilcoxon" and parts < needed:
        received = f'"wilcoxon" with {parts} part{"" if parts == 1 else "s"} of a trial'
        expected = f"folds × repeats of {needed} or more for pruner_p_value = {limit:g}"
        yield Mistake("search", "pruner", received, expected)


def _of_table(table: str, detail: Any) -> Mistake:
    if detail["type"] == "missing":
        needed = [key.name for key in reference.of_table(table) if key.required]
        return Mistake(table, "", "nothing", f"this table, with {' and '.join(needed)}")
    if table == "trials":
        return Mistake(FIXED, "", _shown(detail["input"]), "tables, each headed [[trials]]")
    if detail["type"] != "extra_forbidden":
        return Mistake(table, "", _shown(detail["input"]), "a table")
    if isinstance(detail["input"], dict):
        return Mistake(table, "", "an unknown table", _bracketed(table))
    home = _home(table)
    inside = f"it in [{home}]" if home else f"every key in a table: {_bracketed('')}"
    return Mistake("", table, "a key outside of every table", inside)


def _of_key(table: str, name: str, detail: Any, tables: Tables) -> Mistake:
    key = reference.find(table, name)
    if key is None:
        return Mistake(table, name, "an unknown key", _instead_of(table, name))
    if detail["type"] == "missing" and len(detail["loc"]) == 2:
        return Mistake(table, name, "nothing", key.expected)
    received = tables.get(table, {}).get(name, detail["input"])
    if detail["type"] == "value_error":
        expected = str(detail["ctx"]["error"])
    elif key.choices:
        expected = spelling.one_of(received, key.choices)
    else:
        expected = key.expected + _technical(detail)
    # What is refused as a database URL may still carry a password.
    secret = name == "storage" and isinstance(received, str)
    return Mistake(table, name, "another URL" if secret else _shown(received), expected)


def _technical(detail: Any) -> str:
    """The limit that only a number beyond it needs to hear of."""
    beyond = detail["type"] == "less_than_equal" and detail["ctx"]["le"]
    return f" and ≤ {beyond:.10g}" if beyond in reference.TECHNICAL else ""


def _shown(value: object) -> str:
    return spelling.cut(spelling.as_toml(value), LONGEST)


def _instead_of(table: str, name: str) -> str:
    """Where a key of that name belongs, or the one that was probably meant."""
    names = _names(table)
    home = _home(name)
    return (
        f"it in [{home}]" if home else spelling.nearest(name, names) or spelling.one_of("", names)
    )


def _home(name: str) -> str | None:
    return next((table for table in TABLES if name in _names(table)), None)


def _names(table: str) -> list[str]:
    if table == "space":
        return [each.name for each in hyperparameters.TABLE]
    return [key.name for key in reference.of_table(table)]


def _bracketed(table: str) -> str:
    guess = spelling.nearest(table, TABLES)
    headed = {name: f"[{FIXED if name == 'trials' else name}]" for name in TABLES}
    return headed[guess] if guess else ", ".join(headed.values())


def _is_list_of_tables(listed: Any) -> bool:
    return isinstance(listed, list) and all(isinstance(each, dict) for each in listed)


def _written(tables: Tables, table: str, key: str) -> Any:
    section = tables.get(table)
    return section.get(key) if isinstance(section, dict) else None


def _family(tables: Tables) -> str:
    """The family to check names by; where it is itself mistaken, one that allows every name."""
    family = _written(tables, "model", "family") or "mlp"
    built_in = family in hyperparameters.BUILT_IN_FAMILIES
    known = isinstance(family, str) and (built_in or USER_FAMILY.fullmatch(family))
    return family if known else "unknown.py:build"


def _not_in_a_grid(read: space.Space) -> Iterator[Mistake]:
    """Float ranges without a step, for which a grid has no points, or more points than it can."""
    without = [e for e in read.entries if isinstance(e.low, float) and not e.step]
    for entry in without:
        expected = 'a list, or a step, since sampler = "grid"'
        yield Mistake("space", entry.name, "a range without a step", expected)
    if not without and (points := _points(read)) > MOST_POINTS:
        received = f'"grid" with {points:.3g} points' if points < math.inf else '"grid"'
        yield Mistake("search", "sampler", received, f"at most {MOST_POINTS} points, or another")


def _points(read: space.Space) -> float:
    """How many configurations a grid of the space has."""
    depth = read.largest().get("depth", read.depth)
    layers = depth if isinstance(depth, int) else read.depth
    exponents = [math.log10(e.count()) * len(e.names(layers)) for e in read.entries]
    return 10 ** sum(exponents) if sum(exponents) < 300 else math.inf
