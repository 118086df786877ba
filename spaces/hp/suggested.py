"""The `hp` of a trial: each new hyperparameter gets the value that the study's sampler suggests."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeGuard

import optuna

from studyhall.spaces.hp.hyperparameters import HyperParameters
from studyhall.spaces.hp.kinds import Fixed, HyperParameter, Int, Range


class Suggested(HyperParameters):
    """The hyperparameters of a trial, with values by Optuna.

    Args:
        trial: suggests values.
        given: what the script has declared in advance, which goes before what `build` declares.
        tunes: False if only what is declared in advance is searched.
        note: called with each hyperparameter that gets a value, by name.
    """

    def __init__(
        self,
        trial: optuna.trial.BaseTrial,
        given: HyperParameters | None = None,
        *,
        tunes: bool = True,
        note: Callable[[Mapping[str, Any]], None] = lambda values: None,
    ) -> None:
        super().__init__()
        self._trial, self._tunes, self._note = trial, tunes, note
        for each in given.space if given is not None else ():
            self.declare(each)
        self._given = {*self._space}

    def _chosen(self, hyperparameter: HyperParameter) -> Any:
        searched = self._tunes or hyperparameter in self._given
        value = self._suggest(hyperparameter) if searched else hyperparameter.default
        self._note({hyperparameter.name: value})
        return value

    def _suggest(self, hyperparameter: HyperParameter) -> Any:
        if isinstance(hyperparameter, Fixed):
            return hyperparameter.value
        return suggest(self._trial, hyperparameter, self._key(hyperparameter))

    def _key(self, hyperparameter: HyperParameter) -> str:
        return key(hyperparameter, self._declared[hyperparameter.name])


def key(hyperparameter: HyperParameter, declared: Sequence[HyperParameter]) -> str:
    """Return a hyperparameter's name in the study: a second one of its name gets another.

    Args:
        hyperparameter: the hyperparameter.
        declared: all of its name, which differ by their conditions.
    """
    index = declared.index(hyperparameter)
    name = hyperparameter.name if index == 0 else f"{hyperparameter.name} #{index + 1}"
    if _is_mirrored(hyperparameter):
        return f"{hyperparameter.min_value + hyperparameter.max_value:g} - {name}"
    return name


def stored(hyperparameter: HyperParameter, value: Any) -> Any:
    """Return what the study stores for a value of a hyperparameter, and the other way round."""
    if _is_mirrored(hyperparameter):
        return hyperparameter.min_value + hyperparameter.max_value - value
    return value


def _is_mirrored(hyperparameter: HyperParameter) -> TypeGuard[Range]:
    """Return True for a range that is dense near its upper end, which Optuna doesn't have."""
    if not isinstance(hyperparameter, Range) or hyperparameter.step is not None:
        return False
    return hyperparameter.sampling == "reverse_log"


def suggest(trial: optuna.trial.BaseTrial, hyperparameter: HyperParameter, name: str) -> Any:
    """Return a trial's value of a hyperparameter.

    Optuna has no steps that multiply and no range that is dense near its upper end: the former is a
    choice between the values, the latter the distance from the upper end.

    Args:
        trial: suggests values.
        hyperparameter: what is asked for.
        name: its name in the study.
    """
    if not isinstance(hyperparameter, Range):
        return trial.suggest_categorical(name, [*hyperparameter.values])
    low, high, step = hyperparameter.min_value, hyperparameter.max_value, hyperparameter.step
    curved = hyperparameter.sampling != "linear"
    if curved and step is not None:
        return trial.suggest_categorical(name, [*hyperparameter.values])
    if isinstance(hyperparameter, Int):
        top = low + (high - low) // (step or 1) * (step or 1)
        value: Any = trial.suggest_int(name, low, top, step=step or 1, log=curved)
    else:
        top = high if step is None else _last(low, step, len(hyperparameter.values))
        value = _float(trial, name, low, top, step, curved)
    return stored(hyperparameter, value)


def _last(low: float, step: float, count: int) -> float:
    """Return the last of so many values, as Optuna computes it: in decimals."""
    return float(Decimal(str(low)) + (count - 1) * Decimal(str(step)))


def _float(
    trial: optuna.trial.BaseTrial, name: str, low: float, top: float, step: float | None, log: bool
) -> float:
    with warnings.catch_warnings():  # where decimals don't fit a float, the last digit is rounded
        warnings.filterwarnings("ignore", "The distribution is specified by")
        return trial.suggest_float(name, low, top, step=step, log=log)
