"""The search space as Python writes it: tuples are ranges, lists are choices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from studyhall.search.study_file.config_error import ConfigError
from studyhall.spaces import spelling

LOG = "log"
LIBRARIES = ("numpy", "pandas")
MOST = 80  # characters of a value in a message
EXPECTED = (
    '(low, high), (low, high, "log"), (low, high, step), a list of choices, a constant, '
    "or a table as in a study file"
)


def space(written: Any, study: str) -> dict[str, Any]:
    """Return the ``[space]`` table of a space as Python writes it.

    >>> space({"learning_rate": (1e-4, 1e-1, "log"), "dropout": 0.2}, "digits")
    {'learning_rate': {'low': 0.0001, 'high': 0.1, 'log': True}, 'dropout': 0.2}

    Args:
        written: ranges, choices and constants by hyperparameter.
        study: the study's name, for messages.

    Raises:
        ConfigError: it is no dictionary, or there is something else in it; all of that is listed.
    """
    if not isinstance(written, Mapping):
        received = f"received {shortened(written)}, expected a dictionary"
        raise ConfigError([f'{study}: space: {received}: {{"depth": (1, 3)}}'])
    entries = {name: plain(entry) for name, entry in written.items()}
    problems = [
        f"{study}: [space] {spelling.as_key(str(name))}: received {shortened(written[name])}, "
        f"expected {EXPECTED}"
        for name, entry in entries.items()
        if not (isinstance(name, str) and _is_entry(entry))
    ]
    if problems:
        raise ConfigError(problems)
    return {name: _entry(entry) for name, entry in entries.items()}


def plain(value: Any) -> Any:
    """Return values of NumPy and pandas, also in lists and tables, as Python's own."""
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(plain, value)) if type(value) in (list, tuple) else value
    if isinstance(value, range):
        return [*value]
    library = type(value).__module__.partition(".")[0]
    return value.tolist() if library in LIBRARIES and hasattr(value, "tolist") else value


def shortened(value: object) -> str:
    """Return a value on one line, for messages."""
    try:
        text = repr(value)
    except Exception:  # of an object of the user's it may raise anything
        text = f"a value of type {type(value).__name__}"
    return spelling.cut(spelling.visible(text), MOST)


def tables(written: Any, study: str) -> list[dict[str, Any]]:
    """Return ``[[trials]]``, the fixed trials, as Python writes them.

    Args:
        written: a list of dictionaries.
        study: the study's name, for messages.

    Raises:
        ConfigError: it is none.
    """
    listed = written if isinstance(written, list | tuple) else [written]
    for each in listed:
        if not isinstance(each, Mapping):
            received = f"received {shortened(each)}, expected a list of dictionaries"
            raise ConfigError([f'{study}: trials: {received}: [{{"depth": 2}}]'])
    return [plain(dict(each)) for each in listed]


def _is_entry(entry: object) -> bool:
    return _is_range(entry) if isinstance(entry, tuple) else _is_written(entry)


def _is_range(entry: tuple[Any, ...]) -> bool:
    numbers = entry[:2] if entry[2:] == (LOG,) else entry
    return len(entry) in (2, 3) and all(_is_number(each) for each in numbers)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_written(value: object) -> bool:
    """Return whether a study file may hold a value, as far as its type goes."""
    if isinstance(value, Mapping):
        return all(isinstance(key, str) for key in value) and all(map(_is_written, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_is_written, value))
    return isinstance(value, str | bool | int | float)


def _entry(entry: Any) -> Any:
    if not isinstance(entry, tuple):
        return _as_lists(entry)
    low, high, *rest = entry
    more = {LOG: True} if rest == [LOG] else {"step": rest[0]} if rest else {}
    return {"low": low, "high": high, **more}


def _as_lists(value: Any) -> Any:
    """Return a value with its tuples, as in `choices` or `when`, as lists."""
    if isinstance(value, Mapping):
        return {key: _as_lists(each) for key, each in value.items()}
    return [*map(_as_lists, value)] if isinstance(value, list | tuple) else value
