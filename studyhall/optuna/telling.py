"""The results of `study.tell`, by the rules of Optuna."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState

if TYPE_CHECKING:
    from studyhall.search.trial.result import Ended  # with Keras, which a launch need not import

_ENDS: dict[TrialState, Ended] = {
    TrialState.COMPLETE: "COMPLETE",
    TrialState.PRUNED: "PRUNED",
    TrialState.FAIL: "FAIL",
}


def result(values: Any, state: TrialState | None, count: int) -> tuple[Ended, Any, str]:
    """Return how a trial ends: its state, its values, and the reason of a failure.

    Args:
        values: what the script tells: a number, one for each objective, or None.
        state: the state that it tells, or None.
        count: number of the study's objectives.

    Raises:
        ValueError: they don't go together.
    """
    listed = [*values] if isinstance(values, Sequence) and not isinstance(values, str) else [values]
    problem = _problem(listed, count)
    if state is None:
        return ("COMPLETE", _single(listed), "") if problem is None else ("FAIL", None, problem)
    if state not in _ENDS:
        raise ValueError(f"Cannot tell with state {state}.")
    if state == TrialState.COMPLETE:
        if problem is not None:
            raise ValueError(f"study.tell: {problem}")
        return "COMPLETE", _single(listed), ""
    if values is not None:
        raise ValueError(f"study.tell: received values with {state.name}, expected none")
    return _ENDS[state], None, "told by the script"


def _single(listed: list[Any]) -> Any:
    return listed[0] if len(listed) == 1 else listed


def _problem(listed: list[Any], count: int) -> str | None:
    if len(listed) != count:
        return f"received {len(listed)} values, expected {count}"
    for each in listed:
        try:
            number = float(each)
        except (TypeError, ValueError):
            return f"received {each!r}, expected a number"
        if not math.isfinite(number):
            return f"received {number}, expected a finite number"
    return None


def suggest(trial: Any, name: str, space: BaseDistribution) -> Any:
    """Ask a trial for a value of a distribution.

    Raises:
        TypeError: it is none of Optuna's three.
    """
    if isinstance(space, FloatDistribution):
        return trial.suggest_float(name, space.low, space.high, step=space.step, log=space.log)
    if isinstance(space, IntDistribution):
        return trial.suggest_int(name, space.low, space.high, step=space.step, log=space.log)
    if isinstance(space, CategoricalDistribution):
        return trial.suggest_categorical(name, space.choices)
    kind = type(space).__name__
    raise TypeError(f"study.ask: {name}: received a {kind}, expected one of optuna.distributions")
