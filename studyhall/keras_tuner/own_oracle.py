"""The oracle that a KerasTuner script brings: one of KerasTuner's, since no study calls another.

A study suggests, scores and records trials itself, over all of its workers. A class of the script's
own that does so in another way would be passed by without a word.
"""

from __future__ import annotations

from typing import Any

from studyhall.keras_tuner.oracle import Oracle
from studyhall.search.study_file.config_error import ConfigError

OURS = "studyhall."
KNOWN = "RandomSearchOracle, BayesianOptimizationOracle, HyperbandOracle or GridSearchOracle"
SUGGESTS = ("populate_space", "create_trial")
RECORDS = ("score_trial", "_score_trial", "update_trial", "end_trial")


def check(oracle: Any) -> None:
    """Check that an oracle is one, and leaves it to the study how trials are scored and recorded.

    Raises:
        ConfigError: it is none, or does not.
    """
    if not isinstance(oracle, Oracle):
        received = f"received {oracle!r} of type {type(oracle).__name__}"
        raise ConfigError([f"oracle: {received}, expected {KNOWN}"])
    if own := [name for name in _own(oracle) if name in RECORDS]:
        raise ConfigError([_said(oracle, own)])


def refusal(oracle: Oracle) -> str | None:
    """Return why an oracle's own suggestions can't be used, in one sentence; None if they can."""
    own = [name for name in _own(oracle) if name not in RECORDS]
    if not own and _base(oracle) is Oracle:
        return f"oracle: received {type(oracle).__name__}, expected {KNOWN}"
    return _said(oracle, own) if own else None


def _own(oracle: Oracle) -> list[str]:
    """Return the methods of the script's own that KerasTuner would call, and a study does not."""
    kinds = [each for each in type(oracle).__mro__ if not _is_ours(each) and each is not object]
    found = [name for each in kinds for name, held in vars(each).items() if callable(held)]
    return [each for each in found if each in (*SUGGESTS, *RECORDS) or _is_private(each)]


def _base(oracle: Oracle) -> type:
    """Return the class of ours that an oracle is, or derives from."""
    return next(each for each in type(oracle).__mro__ if _is_ours(each))


def _is_ours(kind: type) -> bool:
    return kind.__module__.startswith(OURS)


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def _said(oracle: Oracle, own: list[str]) -> str:
    received = f"received {type(oracle).__name__} with {' and '.join(own)} of its own"
    return f"oracle: {received}, which no study calls, expected {KNOWN} without"
