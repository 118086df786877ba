"""The search space as Python writes it: tuples are ranges, lists are choices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from studyhall.search.study_file.config_error import ConfigError
from studyhall.spaces import spelling

LOG = "log"
EXPECTED = (
    '(low, high), (low, high, "log"), (low, high, step), a list of choices, a constant, '
    "or a table as in a study file"
)


def space(written: Mapping[str, Any], study: str) -> dict[str, Any]:
    """Return the ``[space]`` table of a space as Python writes it.

    >>> space({"learning_rate": (1e-4, 1e-1, "log"), "dropout": 0.2}, "digits")
    {'learning_rate': {'low': 0.0001, 'high': 0.1, 'log': True}, 'dropout': 0.2}

    Args:
        written: ranges, choices and constants by hyperparameter.
        study: the study's name, for messages.

    Raises:
        ConfigError: a tuple is no range; all of them are listed.
    """
    problems = [
        f"{study}: [space] {spelling.as_key(name)}: received {entry!r}, expected {EXPECTED}"
        for name, entry in written.items()
        if isinstance(entry, tuple) and not _is_range(entry)
    ]
    if problems:
        raise ConfigError(problems)
    return {name: _entry(entry) for name, entry in written.items()}


def _is_range(entry: tuple[Any, ...]) -> bool:
    numbers = entry[:2] if entry[2:] == (LOG,) else entry
    return len(entry) in (2, 3) and all(_is_number(each) for each in numbers)


def _is_number(value: object) -> bool:
    return isinstance(plain(value), int | float) and not isinstance(value, bool)


def _entry(entry: Any) -> Any:
    if isinstance(entry, Mapping):
        return {key: plain(value) for key, value in entry.items()}
    if isinstance(entry, list):
        return [plain(value) for value in entry]
    if not isinstance(entry, tuple):
        return plain(entry)
    low, high, *rest = map(plain, entry)
    more = {LOG: True} if rest == [LOG] else {"step": rest[0]} if rest else {}
    return {"low": low, "high": high, **more}


def plain(value: Any) -> Any:
    """Return a NumPy number as Python's own, anything else as it is."""
    return value.item() if type(value).__module__ == "numpy" and hasattr(value, "item") else value
