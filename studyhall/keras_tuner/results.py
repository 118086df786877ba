"""Results of `run_trial` and `HyperModel.fit`, as metrics and as one number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from studyhall.keras_tuner.objective import DefaultObjective, Objective


class Earlier(dict[str, float]):
    """The metrics of a training that an earlier worker has finished, at its best epoch.

    Args:
        metrics: the metrics.
        step: that epoch, from 0.
    """

    def __init__(self, metrics: Mapping[str, float], step: int) -> None:
        super().__init__(metrics)
        self.step = step


def metrics(results: Any, objective: Objective) -> dict[str, float]:
    """Return the metrics of a result; of several trainings their means.

    Args:
        results: a number, a dictionary of metrics, a `History`, or a list of these.
        objective: the objective, by which the best epoch of a `History` is found.
    """
    if isinstance(results, list):
        return _means([metrics(each, objective) for each in results])
    if isinstance(results, keras.callbacks.History):
        return _at_best(results.history, objective)
    if isinstance(results, Mapping):
        return dict(results)
    return {objective.name: float(results)}


def best_step(results: Any, objective: Objective) -> int:
    """Return the best epoch of a result, from 0: of several trainings the mean, rounded down.

    Args:
        results, objective: as for `metrics`.
    """
    if isinstance(results, list):
        return int(np.mean([best_step(each, objective) for each in results]))
    if isinstance(results, keras.callbacks.History):
        return _best(results.history, objective)[0]
    return results.step if isinstance(results, Earlier) else 0


def check(results: Any, objective: Objective, source: str) -> None:
    """Check that a result holds the objective.

    Args:
        results: the result.
        objective: the objective.
        source: the function that returned it, for messages.

    Raises:
        TypeError: it is of another type.
        ValueError: the objective is missing.
    """
    if isinstance(results, list):
        for each in results:
            check(each, objective, source)
        return
    if results is None:
        raise TypeError(f"{source} returned None, expected its metrics: is a return missing?")
    if isinstance(results, int | float | np.number):
        return
    if not isinstance(results, Mapping | keras.callbacks.History):
        kind = type(results).__name__
        raise TypeError(
            f"{source} returned {results!r} of type {kind}, expected a number, a dictionary of "
            "metrics, a History, or a list of these"
        )
    found = results.history if isinstance(results, keras.callbacks.History) else results
    if isinstance(objective, DefaultObjective) and objective.name not in found:
        raise TypeError(
            f"{source} returned metrics, but the tuner has no objective to take from them"
        )
    if not objective.has_value(found):
        names = ", ".join(found)
        raise ValueError(
            f"{source} returned {names}, expected the objective, {objective.name}, too"
        )


def _at_best(history: Mapping[str, list[float]], objective: Objective) -> dict[str, float]:
    """Return the metrics of the best epoch."""
    _, best = _best(history, objective)
    return {**best, objective.name: objective.get_value(best)}


def _best(history: Mapping[str, list[float]], objective: Objective) -> tuple[int, dict[str, float]]:
    """Return the best epoch, from 0, with its metrics."""
    epochs = [dict(zip(history, row, strict=True)) for row in zip(*history.values(), strict=False)]
    best = 0
    for number, epoch in enumerate(epochs):
        if objective.better_than(objective.get_value(epoch), objective.get_value(epochs[best])):
            best = number
    return best, epochs[best]


def _means(many: list[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([each[name] for each in many])) for name in many[0]}
