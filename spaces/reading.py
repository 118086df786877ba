"""From one line of the ``[space]`` section, as TOML gives it, to an `Entry` or to its mistakes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from datetime import date, time
from decimal import Decimal
from typing import Any

from spaces.entry import Entry
from spaces.hyperparameters import Hyperparameter, Scalar
from spaces.spelling import as_toml, one_of

Problem = tuple[str, str, str]  # name of the hyperparameter, what was received, what is expected

KEYS = ("value", "choices", "low", "high", "log", "step", "when", "per_layer")
FORMS = "a value, a list of choices, { low = …, high = … }, or { value | choices = …, when = … }"


class SpaceError(ValueError):
    """Entries of the ``[space]`` section that can't be searched as written.

    Attributes:
        problems: Every mistake as (name, received, expected).
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__(
            "\n".join(
                f"[space] {name}: received {received}, expected {expected}"
                for name, received, expected in self.problems
            )
        )


def read_entry(name: str, written: Any, known: Hyperparameter | None) -> Entry:
    """Read one line.

    Args:
        name: The hyperparameter.
        written: Its value in the study file.
        known: What studyhall knows about the name; None for a name of the user's own.

    Raises:
        SpaceError: With every mistake in it.
    """
    table = _as_table(written)
    problems = [(name, received, expected) for received, expected in _problems(table, known)]
    if problems:
        raise SpaceError(problems)
    return _entry(name, table)


def _as_table(written: Any) -> dict[str, Any]:
    if isinstance(written, dict):
        return written
    return {"choices": written} if isinstance(written, list) else {"value": written}


def _entry(name: str, table: dict[str, Any]) -> Entry:
    per_layer = table.get("per_layer", False)
    when = {other: tuple(_listed(values)) for other, values in table.get("when", {}).items()}
    if isinstance(table.get("value"), list):
        return Entry(name, layers=_alike(table["value"]), when=when, per_layer=True)
    if "low" not in table:
        choices = _alike(_listed(table.get("value", table.get("choices"))))
        return Entry(name, choices=choices, when=when, per_layer=per_layer)
    low, high, *step = _alike(table[key] for key in ("low", "high", "step") if key in table)
    if low == high:
        return Entry(name, choices=(low,), when=when, per_layer=per_layer)
    return Entry(
        name,
        low=low,
        high=_reachable(low, high, step[0]) if step else high,
        step=step[0] if step else None,
        log=table.get("log", False),
        when=when,
        per_layer=per_layer,
    )


def _listed(values: Any) -> list[Any]:
    return values if isinstance(values, list) else [values]


def _alike(values: Iterable[Any]) -> tuple[Any, ...]:
    """Integers become floats where a float stands among them."""
    values = tuple(values)
    if any(isinstance(value, float) for value in values):
        return tuple(float(value) if type(value) is int else value for value in values)
    return values


def _reachable(low: float, high: float, step: float) -> float:
    """The last value that steps from `low` reach; Optuna warns of any other `high`."""
    first, last, distance = (Decimal(str(number)) for number in (low, high, step))
    return type(low)(first + (last - first) // distance * distance)


# The checks. Each gives what was received and what is expected.

Mistakes = Iterator[tuple[str, str]]


def _problems(table: dict[str, Any], known: Hyperparameter | None) -> Mistakes:
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
            (f"{key} without a range", "low and high beside it")
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
        yield as_toml(values), "values of one kind: numbers, texts, or true and false"


def _scalar_problems(value: Any, known: Hyperparameter | None) -> Mistakes:
    if isinstance(value, list | dict | date | time):
        yield as_toml(value), known.expected() if known else "a number, a text, true or false"
    elif isinstance(value, float) and not math.isfinite(value):
        yield as_toml(value), known.expected() if known else "a finite number"
    elif known and not known.allows(value):
        words = isinstance(value, str) and known.kind == "choice"
        yield as_toml(value), one_of(value, known.words) if words else known.expected()


def _range_problems(table: dict[str, Any], known: Hyperparameter | None) -> Mistakes:
    if known and known.kind in ("choice", "switch"):
        yield "a range", f"{known.expected()}, or a list of these"
        return
    ends = {key: table.get(key) for key in ("low", "high")}
    wrong = {key: end for key, end in ends.items() if not _is_number(end)}
    for key, end in wrong.items():
        yield f"{key} = {as_toml(end)}" if key in table else f"no {key}", "low and high, numbers"
    if not wrong:
        yield from _ends_problems(table["low"], table["high"], known)
        yield from _scale_problems(table)


def _ends_problems(low: Any, high: Any, known: Hyperparameter | None) -> Mistakes:
    if low > high:
        yield f"low = {low}, high = {high}", "low ≤ high"
    for key, end in (("low", low), ("high", high)):
        if known and not known.allows(end):
            yield f"{key} = {end}", known.expected()


def _scale_problems(table: dict[str, Any]) -> Mistakes:
    log, step = table.get("log", False), table.get("step")
    if not isinstance(log, bool):
        yield f"log = {as_toml(log)}", "true or false"
    elif log and table["low"] <= 0:
        yield f"low = {table['low']} on a log scale", "low > 0"
    if step is None:
        return
    if log:
        yield "log and step together", "one of them: Optuna has no stepped log scale"
    if not _is_number(step) or step <= 0:
        yield f"step = {as_toml(step)}", "a number > 0"
    elif step > table["high"] - table["low"] > 0:
        yield f"step = {step}", f"at most high − low = {table['high'] - table['low']}"


def _when_problems(when: Any) -> Mistakes:
    if not isinstance(when, dict):
        yield f"when = {as_toml(when)}", 'a table such as { optimizer = "sgd" }'
        return
    for other, values in when.items():
        listed = _listed(values)
        if not listed or any(not _is_scalar(value) for value in listed):
            yield f"when = {as_toml(when)}", f"a value or a list of values of {other}"


def _per_layer_problems(table: dict[str, Any], known: Hyperparameter | None) -> Mistakes:
    per_layer = table.get("per_layer", False)
    if not isinstance(per_layer, bool):
        yield f"per_layer = {as_toml(per_layer)}", "true or false"
    elif per_layer and known is None:
        yield "per_layer", "a loop in the model's own function, which knows its layers"
    elif per_layer and known and not known.per_layer:
        yield "per_layer", "one value for all layers"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_scalar(value: object) -> bool:
    return isinstance(value, bool | int | float | str)


__all__ = ["Problem", "Scalar", "SpaceError", "read_entry"]
