"""The errors that pydantic finds in a study file, each as a mistake of one key or table."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from studyhall.search.study_file import reference
from studyhall.search.study_file.mistake import FIXED, LONGEST, Mistake, Tables
from studyhall.search.study_file.sections import StudyFile
from studyhall.spaces import hyperparameters, spelling

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
