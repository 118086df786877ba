"""Checks of the arguments that a user's own function passes to ``trial.suggest_*``.

Other processes and programs read a study, possibly years later, so every choice must be a JSON
value. NumPy numbers and strings are converted to Python's; anything else than a number, string,
true, false or None is refused.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from enum import Enum
from types import BuiltinFunctionType, FunctionType
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution

from studyhall.spaces.failures import UnusableCodeError
from studyhall.spaces.spelling import as_toml

LONGEST_NAME = 200  # characters; the database column holds 512 bytes
LONGEST = 60  # characters of a value shown in a message
PLAIN = "numbers, strings, True, False or None"
_UNFIT = object()


def name(given: object, method: str) -> str:
    """Return the checked name of a hyperparameter or attribute.

    Args:
        given: the name as the user's code passes it.
        method: the method that it calls, for messages.

    Raises:
        UnusableCodeError: If it is not a string of 1 to 200 characters that a database can store.
    """
    if isinstance(given, str) and 0 < len(given) <= LONGEST_NAME and _is_writable(given):
        return str(given)
    expected = f"a name of 1 to {LONGEST_NAME} characters"
    raise UnusableCodeError(f"{method}: received {shown(given)} for its name, expected {expected}")


def choices(given: Any, where: str) -> list[Any]:
    """Return the checked choices of ``suggest_categorical`` as JSON values without duplicates.

    Args:
        given: the choices as the user's code passes them.
        where: the call, for messages: ``suggest_categorical("units")``.

    Raises:
        UnusableCodeError: If they are not a list of distinct, finite JSON values.
    """
    listed = _listed(given, where)
    found = [plain(each) for each in listed]
    for each, value in zip(listed, found, strict=True):
        if value is _UNFIT:
            cure = _cure(listed)
            received = f"received {shown(each)} among the choices"
            raise UnusableCodeError(f"{where}: {received}, expected {PLAIN}; {cure}")
        if isinstance(value, float) and not math.isfinite(value):
            raise UnusableCodeError(
                f"{where}: received the choice {value}, expected finite numbers"
            )
    for at, value in enumerate(found):
        if value in found[:at]:  # Optuna treats 1, 1.0 and True as equal
            twice = f"{as_toml(found[found.index(value)])} and {as_toml(value)}"
            raise UnusableCodeError(f"{where}: received {twice}, expected each choice once")
    return found


def number(given: object, where: str, key: str) -> float:
    """Return a checked bound of ``suggest_float``: a finite number."""
    value = plain(given)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _unfit(given, where, key, "a finite number")
    return value


def whole(given: object, where: str, key: str) -> int:
    """Return a checked bound of ``suggest_int``; a float such as 8.0 becomes 8."""
    value = plain(given)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _unfit(given, where, key, "a whole number")
    return value


def switch(given: object, where: str, key: str) -> bool:
    """Return the checked ``log`` argument: True or False."""
    value = plain(given)
    if not isinstance(value, bool):
        raise _unfit(given, where, key, "True or False")
    return value


def attribute(given: object, where: str) -> Any:
    """Return the checked value of ``set_user_attr``: JSON values, lists and dicts of them."""
    if isinstance(given, np.ndarray):
        given = given.tolist()
    if isinstance(given, Mapping):
        return {name(key, where): attribute(value, where) for key, value in given.items()}
    if isinstance(given, list | tuple):
        return [attribute(value, where) for value in given]
    value = plain(given)
    if value is _UNFIT:
        what = f"{PLAIN}, lists and dicts of these"
        raise UnusableCodeError(f"{where}: received {shown(given)}, expected {what}")
    return value


def plain(given: object) -> Any:
    """Convert a value to a plain Python number, str, bool or None; return `_UNFIT` otherwise."""
    if isinstance(given, np.ndarray) and given.ndim == 0:
        given = given[()]
    if isinstance(given, np.bool_ | np.integer | np.floating | np.str_):
        given = given.item()
    if isinstance(given, Enum) or (isinstance(given, str) and not _is_writable(given)):
        return _UNFIT
    for kind in (bool, int, float, str):  # a subclass becomes its base type
        if isinstance(given, kind):
            return kind(given)
    return None if given is None else _UNFIT


def as_text(distribution: BaseDistribution) -> str:
    """Return a distribution as JSON text, in which 1, 1.0 and true differ, unlike in Python."""
    return json.dumps([type(distribution).__name__, distribution._asdict()])


def in_words(distribution: Any) -> str:
    """Describe a distribution: ``the choices 8, 16``, ``whole numbers 4 … 16, log``."""
    if isinstance(distribution, CategoricalDistribution):
        return f"the choices {', '.join(map(as_toml, distribution.choices))}"
    kind = "whole numbers" if isinstance(distribution.low, int) else "numbers"
    step = f", step {distribution.step}" if distribution.step not in (None, 1) else ""
    log = ", log" if distribution.log else ""
    return f"{kind} {distribution.low} … {distribution.high}{log}{step}"


def shown(given: object) -> str:
    """Return a value as it would be written in code, shortened, for a message."""
    if isinstance(given, type):
        return f"the class {given.__name__}"
    if isinstance(given, FunctionType | BuiltinFunctionType):
        return f"the function {given.__name__}"
    text = repr(given).replace("\n", " ")
    text = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    known = given is None or type(given) in (bool, int, float, str, list, tuple, dict, set)
    return text if known else f"{text}, a {type(given).__name__}"


def _listed(given: Any, where: str) -> list[Any]:
    expected = "a list of choices"
    if isinstance(given, AbstractSet) and not hasattr(given, "mapping"):
        expected += ": a set has a different order in every process; use sorted(…)"
    elif isinstance(given, Iterable) and not isinstance(given, str | bytes):
        if listed := [*given]:
            return listed
        expected += ", at least one"
    raise UnusableCodeError(f"{where}: received {shown(given)}, expected {expected}")


def _cure(listed: list[Any]) -> str:
    """Suggest names to use as choices in place of objects."""
    named = [getattr(each, "__name__", None) or getattr(each, "name", None) for each in listed]
    if all(isinstance(each, str) and each.isidentifier() for each in named):
        names = as_toml(named)
    else:
        names = '["small", "large"]'
    return f"use names as choices, such as {names}, and look up the object by its name"


def _unfit(given: object, where: str, key: str, expected: str) -> UnusableCodeError:
    return UnusableCodeError(f"{where}: received {key} = {shown(given)}, expected {expected}")


def _is_writable(text: str) -> bool:
    """Check that every database can store the text: valid UTF-8 without NUL."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False
