"""How much a script searches, checked before anything is written."""

from __future__ import annotations

import math
import operator
from typing import Any

from studyhall.search.study_file.config_error import ConfigError

SECONDS_PER_HOUR = 3600.0


def trials(wanted: Any) -> int | None:
    """Return a number of trials; None without one.

    Raises:
        ConfigError: it is no whole number.
    """
    try:
        return None if wanted is None else operator.index(wanted)
    except TypeError:
        raise _refused("n_trials", wanted, "a whole number") from None


def hours(timeout: Any) -> float | None:
    """Return a limit of time in hours, of one in seconds; None for none.

    Raises:
        ConfigError: it is no number.
    """
    if timeout is None:
        return None
    if isinstance(timeout, str) or math.isnan(seconds := float(timeout)):
        raise _refused("timeout", timeout, "a number of seconds")
    return None if seconds == math.inf else seconds / SECONDS_PER_HOUR


def check_objective(given: Any) -> None:
    """Check that an objective can be called.

    Raises:
        ConfigError: it can't.
    """
    if not callable(given):
        raise _refused("objective", given, "a function of a trial")


def _refused(name: str, given: Any, expected: str) -> ConfigError:
    return ConfigError([f"study.optimize: {name}: received {given!r}, expected {expected}"])
