"""The mistakes of a study file as messages: ``[table] key: received …, expected …``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from studyhall.search.study_file import metric_mistakes, objectives, reference
from studyhall.search.study_file.mistake import FIXED, LONGEST, Mistake
from studyhall.search.study_file.sections import StudyFile
from studyhall.search.study_file.value_types import USER_FAMILY
from studyhall.spaces import fixed, hyperparameters, space, spelling

Tables = dict[str, Any]

MOST_POINTS = 1_000_000  # points of a grid, which every worker keeps in memory
TABLES = tuple(StudyFile.model_fields)


def of_models(error: ValidationError, tables: Tables) -> list[Mistake]:
    """Convert pydantic's errors to one mistake per key, in the order of the tables."""
    found: dict[tuple[str, str], Mistake] = {}
    for detail in error.errors(include_url=False):
        table, *rest = (str(part) for part in detail["loc"])
        key = rest[0] if rest and table != "trials" else ""
        mistake = _of_key(table, key, detail, tables) if key else _of_table(table, detail)
        # For a union pydantic reports one error per member; one line per key is enough.
        found.setdefault((table, key), mistake)
    order = {table: position for position, table in enumerate(TABLES)}
    return sorted(found.values(), key=lambda mistake: order.get(mistake.table, len(order)))


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


def of_whole(file: StudyFile) -> list[Mistake]:
    """Return the mistakes of keys that are each valid but don't fit together."""
    pruning = [*_of_hyperband(file), *_of_wilcoxon(file)]
    measured = metric_mistakes.of_whole(file)
    found = [*_of_number(file), *_of_goal(file), *_of_order(file), *_of_targets(file)]
    found += [*measured, *pruning]
    return [*found, *_of_weights(file), *of_backend(file)]


def _of_weights(file: StudyFile) -> Iterator[Mistake]:
    if file.model.weights is not None and file.model.application is None:
        expected = "nothing: only networks of keras.applications begin with weights"
        received = f'"{file.model.weights}" with family = "{file.model.family}"'
        yield Mistake("model", "weights", received, expected)
    if file.model.application is not None and file.data.normalize not in ("auto", "scale"):
        expected = '"auto": the network prepares its pictures by itself'
        received = f'"{file.data.normalize}" with family = "{file.model.family}"'
        yield Mistake("data", "normalize", received, expected)


def of_backend(file: StudyFile) -> Iterator[Mistake]:
    """Yield keys that the backend can't follow; none while it is "auto", so not yet known."""
    if file.training.backend == "torch" and file.training.xla == "on":
        yield Mistake("training", "xla", '"on" with backend = "torch"', '"off": torch has no XLA')
    if file.model.reads_texts and file.training.backend not in ("auto", "tensorflow"):
        expected = 'another family, or backend = "tensorflow": Keras splits texts with it only'
        received = f'"text" with backend = "{file.training.backend}"'
        yield Mistake("model", "family", received, expected)


def _of_number(file: StudyFile) -> Iterator[Mistake]:
    if len(file.trials) > file.study.trials:
        expected = f"at least {len(file.trials)}, as many as there are [[trials]]"
        yield Mistake("study", "trials", str(file.study.trials), expected)


def _of_goal(file: StudyFile) -> Iterator[Mistake]:
    """Yield keys of a goal that no result can be measured by."""
    study = file.study
    several = len(objectives.of_file(dict(study))) > 1
    for key in ("target", "stop_after"):
        value = getattr(study, key)
        if value is not None and several:
            received = f"{spelling.as_toml(value)} with several objectives"
            yield Mistake("study", key, received, "none: a Pareto front has no best value")
    if study.min_improvement and study.stop_after is None:
        received = f"{spelling.as_toml(study.min_improvement)} without stop_after"
        yield Mistake("study", "min_improvement", received, "stop_after, too")


def _of_order(file: StudyFile) -> Iterator[Mistake]:
    """Yield keys that rows in order have no use for, or would be misled by."""
    data = file.data
    if data.windows is None and data.horizon != 1:
        yield Mistake("data", "horizon", f"{data.horizon} without windows", "windows, too")
    if data.windows is not None and file.model.reads_texts:
        expected = 'nothing: texts have no windows; family = "sequence" reads these'
        yield Mistake("data", "windows", f'{data.windows} with family = "text"', expected)
    by = "windows" if data.windows else "split_by" if data.split_by else ""
    if by and data.folds > 1:
        expected = "1: folds would train on what comes after their validation set"
        yield Mistake("data", "folds", f"{data.folds} with {by}", expected)
    if by == "split_by" and data.group:
        expected = "one of the two; or windows, each over the rows of one group"
        yield Mistake("data", "group", f'"{data.group}" with split_by', expected)


def _of_targets(file: StudyFile) -> Iterator[Mistake]:
    if file.data.scale_target == "standard" and file.model.is_own:
        received = f'"standard" with family = "{file.model.family}"'
        expected = '"auto" or "none": a model of your own gets targets as they are'
        yield Mistake("data", "scale_target", received, expected)


def _of_hyperband(file: StudyFile) -> Iterator[Mistake]:
    least, most = file.search.pruner_min_epochs, file.training.epochs
    if file.search.pruner == "hyperband" and least > most:
        expected = f"at most the {most} epochs of a trial"
        yield Mistake("search", "pruner_min_epochs", str(least), expected)


def _of_wilcoxon(file: StudyFile) -> Iterator[Mistake]:
    """Yield a mistake if wilcoxon could never prune.

    With n pairs, the p-value of the signed-rank test is at least 1 / 2^n.
    """
    parts, limit = file.data.folds * file.training.repeats, file.search.pruner_p_value
    # One part more than the test needs: pruning after the last part would save nothing.
    needed = math.floor(-math.log2(limit)) + 2
    if file.search.pruner == "wilcoxon" and parts < needed:
        received = f'"wilcoxon" with folds × repeats = {parts}'
        expected = f"folds × repeats ≥ {needed} for pruner_p_value = {limit:g}"
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
    # A refused URL may contain a password, so it is not shown.
    secret = isinstance(received, str) and (
        name in ("storage", "mlflow") or (name == "source" and "://" in received)
    )
    return Mistake(table, name, "an unsupported URL" if secret else _shown(received), expected)


def _technical(detail: Any) -> str:
    """Return a technical limit in words, if the value exceeds it; it is not mentioned otherwise."""
    beyond = detail["type"] == "less_than_equal" and detail["ctx"]["le"]
    return f" and ≤ {beyond:.10g}" if beyond in reference.TECHNICAL else ""


def _shown(value: object) -> str:
    return spelling.cut(spelling.as_toml(value), LONGEST)


def _instead_of(table: str, name: str) -> str:
    """Return the table in which a key of that name belongs, or the most similar key."""
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
