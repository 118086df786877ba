"""The checks of one ``[space]`` entry; each yields its mistakes as pairs (received, expected)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date, time
from typing import Any

from studyhall.spaces.legal import Hyperparameter
from studyhall.spaces.spelling import as_toml, one_of

MOST = 2**63 - 1  # largest whole number as a choice: databases and NumPy use 64 bits
MOST_EXACT = 2**53  # largest whole number in a range, which Optuna stores as a float
MOST_FLOAT = 1e150  # largest float in a range: samplers compute its square
MOST_STEPS = 1e15  # most steps in a range: more exceed the precision of a float

KEYS = ("value", "choices", "low", "high", "log", "step", "when", "per_layer")
FORMS = "a value, a list of choices, { low = …, high = … }, or { value | choices = …, when = … }"

Mistakes = Iterator[tuple[str, str]]


def problems(table: dict[str, Any], known: Hyperparameter | None) -> Mistakes:
    """Yield the mistakes of an entry.

    Args:
        table: The entry; a bare value is a table of ``value``, a list one of ``choices``.
        known: Definition of the hyperparameter; None for a name that only the user's own function
            knows.
    """
    yield from _unknown_keys(table)
    yield from _when_problems(table.get("when", {}))
    yield from _per_layer_problems(table, known)
    forms = _forms(table)
    if len(forms) != 1:
        yield as_toml(table), FORMS
    elif forms == ["value"]:
        yield from _value_problems(table, known)
    elif forms == ["choices"]:
        yield from _choices_problems(table["choices"], known)
    else:
        yield from _range_problems(table, known)
    if forms != ["range"]:
        yield from (
            (f"{key} without a range", "low and high as well")
            for key in ("log", "step")
            if key in table
        )


def _forms(table: dict[str, Any]) -> list[str]:
    forms = [form for form in ("value", "choices") if form in table]
    return forms + (["range"] if table.keys() & {"low", "high"} else [])


def _unknown_keys(table: dict[str, Any]) -> Mistakes:
    for key in [key for key in table if key not in KEYS]:
        yield f'the key "{key}"', one_of(key, KEYS)


def _value_problems(table: dict[str, Any], known: Hyperparameter | None) -> Mistakes:
    value = table["value"]
    if isinstance(value, list) and table.get("per_layer") is True:
        yield from _list_problems(value, known)
    else:
        yield from _scalar_problems(value, known)


def _choices_problems(choices: Any, known: Hyperparameter | None) -> Mistakes:
    if not isinstance(choices, list):
        yield f"choices = {as_toml(choices)}", "a list"
        return
    yield from _list_problems(choices, known)
    shown = [as_toml(choice) for choice in choices]
    for twice in sorted({choice for choice in shown if shown.count(choice) > 1}):
        yield f"{twice} more than once", "each choice once"


def _list_problems(values: list[Any], known: Hyperparameter | None) -> Mistakes:
    if not values:
        yield "an empty list", "at least one value"
    for value in values:
        yield from _scalar_problems(value, known)
    kinds = {bool if isinstance(value, bool) else type(value) for value in values}
    if known is None and not (kinds <= {int, float} or len(kinds) < 2):
        yield as_toml(values), "values of one type: numbers, strings, or true and false"


def _scalar_problems(value: Any, known: Hyperparameter | None) -> Mistakes:
    if isinstance(value, list | dict | date | time):
        yield as_toml(value), known.expected() if known else "a number, a string, true or false"
    elif isinstance(value, float) and not math.isfinite(value):
        yield as_toml(value), known.expected() if known else "a finite number"
    elif known and not known.allows(value):
        words = isinstance(value, str) and known.kind == "choice"
        yield as_toml(value), one_of(value, known.words) if words else known.expected(value)
    elif isinstance(value, int) and abs(value) > MOST:
        yield as_toml(value), f"a whole number from −{MOST} to {MOST}"


def _range_problems(table: dict[str, Any], known: Hyperparameter | None) -> Mistakes:
    if known and known.kind in ("choice", "switch"):
        yield "a range", f"{known.expected()}, or a list of these"
        return
    ends = {key: table.get(key) for key in ("low", "high")}
    wrong = {key: end for key, end in ends.items() if not _is_number(end)}
    for key, end in wrong.items():
        yield f"{key} = {as_toml(end)}" if key in table else f"no {key}", "numbers as low and high"
    if wrong:
        return
    beyond = [*_ends_problems(table["low"], table["high"], known)]
    yield from beyond
    yield from _log_problems(table)
    if not beyond:
        yield from _step_problems(table)


def _ends_problems(low: Any, high: Any, known: Hyperparameter | None) -> Mistakes:
    if low > high:
        yield f"low = {as_toml(low)}, high = {as_toml(high)}", "low ≤ high"
    whole = isinstance(low, int) and isinstance(high, int)
    most = MOST_EXACT if whole else MOST_FLOAT
    for key, end in (("low", low), ("high", high)):
        if known and not known.allows(end):
            yield f"{key} = {as_toml(end)}", known.expected(end)
        elif abs(end) > most:
            yield f"{key} = {as_toml(end)}", f"a number from −{most:.16g} to {most:.16g}"


def _log_problems(table: dict[str, Any]) -> Mistakes:
    log = table.get("log", False)
    if not isinstance(log, bool):
        yield f"log = {as_toml(log)}", "true or false"
    elif log and table["low"] <= 0:
        yield f"low = {as_toml(table['low'])} on a log scale", "low > 0"
    if log and "step" in table:
        yield "log and step together", "one of them: Optuna has no stepped log scale"


def _step_problems(table: dict[str, Any]) -> Mistakes:
    step = table.get("step")
    if step is None:
        return
    if not _is_number(step) or step <= 0:
        yield f"step = {as_toml(step)}", "a number > 0"
    elif step > (span := table["high"] - table["low"]) > 0:
        yield f"step = {as_toml(step)}", f"at most high − low = {span}"
    elif span > step * MOST_STEPS:
        yield (
            f"step = {step}",
            f"at least {span / MOST_STEPS:g}, so that the range has at most {MOST_STEPS:g} steps",
        )


def _when_problems(when: Any) -> Mistakes:
    if not isinstance(when, dict):
        yield f"when = {as_toml(when)}", 'a table such as { optimizer = "sgd" }'
        return
    for other, values in when.items():
        if not (given := listed(values)) or not all(map(_is_scalar, given)):
            yield f"when = {as_toml(when)}", f"a value or a list of values of {other}"


def _per_layer_problems(table: dict[str, Any], known: Hyperparameter | None) -> Mistakes:
    per_layer = table.get("per_layer", False)
    if not isinstance(per_layer, bool):
        yield f"per_layer = {as_toml(per_layer)}", "true or false"
    elif per_layer and known is None:
        yield "per_layer", "a loop over the layers in your own function instead"
    elif per_layer and known and not known.per_layer:
        yield "per_layer", "one value for all layers"


def listed(values: Any) -> list[Any]:
    """Return a list unchanged, and any other value as a list of one."""
    return values if isinstance(values, list) else [values]


def _is_number(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _is_scalar(value: object) -> bool:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _is_number(value) and abs(value) <= MOST_FLOAT
    return isinstance(value, bool | str)
