"""The user attributes that a script gives its trials, beside those that studyhall records.

Both are in Optuna's table. A trial names those of the script; one whose name studyhall uses itself
has a prefix there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NAMES = "own_attributes"  # attribute of a trial: the names that its script has given
PREFIX = "own:"  # before a name that studyhall uses itself
OF_ENDED = ("reason", "stopped")  # what is recorded of a trial whose worker can't tell its end


def recorded(own: Mapping[str, Any], ours: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is recorded so that a script's attributes are known from ours.

    Args:
        own: those of the script.
        ours: those of studyhall.
    """
    clashing = {PREFIX + name: own[name] for name in own if name in ours or name == NAMES}
    return {NAMES: [*own], **clashing}


def of_script(stored: Mapping[str, Any], *, failed: bool = False) -> dict[str, Any]:
    """Return the attributes of a trial that its script has given.

    Args:
        stored: all attributes of the trial.
        failed: True if the trial has failed.
    """
    names = stored.get(NAMES)
    if names is None:  # of a trial that another tool has run, or that has not ended
        hidden = OF_ENDED if failed else ()
        return {name: value for name, value in stored.items() if name not in hidden}
    return {name: stored[PREFIX + name if PREFIX + name in stored else name] for name in names}
