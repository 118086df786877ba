"""Conversion of one ``[space]`` entry, as parsed from TOML, to an `Entry` or to its mistakes."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from studyhall.spaces import entry_checks
from studyhall.spaces.entry import Entry
from studyhall.spaces.entry_checks import listed
from studyhall.spaces.legal import Hyperparameter
from studyhall.spaces.spelling import as_key

Problem = tuple[str, str, str]  # name of the hyperparameter, received, expected


class SpaceError(ValueError):
    """The ``[space]`` section has mistakes.

    Attributes:
        problems: Every mistake as (name, received, expected).
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__(
            "\n".join(
                f"[space] {as_key(name)}: received {received}, expected {expected}"
                for name, received, expected in self.problems
            )
        )


def read_entry(name: str, written: Any, known: Hyperparameter | None) -> Entry:
    """Read one entry of the ``[space]`` section.

    Args:
        name: The hyperparameter.
        written: Its value in the study file.
        known: Its definition; None for a name that only the user's own function knows.

    Raises:
        SpaceError: If it has mistakes; the error lists them all.
    """
    table = _as_table(written)
    problems = [(name, *mistake) for mistake in entry_checks.problems(table, known)]
    if problems:
        raise SpaceError(problems)
    return _entry(name, table)


def _as_table(written: Any) -> dict[str, Any]:
    if isinstance(written, dict):
        return written
    return {"choices": written} if isinstance(written, list) else {"value": written}


def _entry(name: str, table: dict[str, Any]) -> Entry:
    per_layer = table.get("per_layer", False)
    when = {other: tuple(listed(values)) for other, values in table.get("when", {}).items()}
    if isinstance(table.get("value"), list):
        return Entry(name, layers=_alike(table["value"]), when=when, per_layer=True)
    if "low" not in table:
        choices = _alike(listed(table.get("value", table.get("choices"))))
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


def _alike(values: Iterable[Any]) -> tuple[Any, ...]:
    """Convert integers to floats if any of the values is a float."""
    values = tuple(values)
    if any(isinstance(value, float) for value in values):
        return tuple(float(value) if type(value) is int else value for value in values)
    return values


def _reachable(low: float, high: float, step: float) -> float:
    """Return the last value of the steps from `low`; Optuna warns of any other `high`."""
    # In decimal: 0.5 // 0.1 is 4.0 in binary floating point.
    first, last, distance = (Decimal(str(number)) for number in (low, high, step))
    return type(low)(first + (last - first) // distance * distance)
