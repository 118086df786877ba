"""The objectives beside the first one, as they are known at the end of a trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from studyhall.search.study_file import objectives
from studyhall.search.training.engine import Engine
from studyhall.search.training.settings import UnknownMetric


def check(names: Sequence[str], metrics: Mapping[str, float]) -> None:
    """See that an epoch has measured every objective, before more epochs are trained for nothing.

    Raises:
        UnknownMetric: it hasn't.
    """
    for name in map(objectives.recorded, names):
        if name not in metrics and name not in map(objectives.recorded, objectives.AT_THE_END):
            raise UnknownMetric(name, metrics)


class Further:
    """What a trial has come to in any objective, looked up by its name.

    Args:
        engine: of its last part.
        model: of its last part.
        attributes: of the trial, with its metrics.
    """

    def __init__(self, engine: Engine, model: keras.Model, attributes: Mapping[str, Any]) -> None:
        self._engine, self._model, self._attributes = engine, model, attributes

    def __getitem__(self, name: str) -> float:
        """Its value."""
        if name == "parameters":
            return float(self._attributes["parameters"])
        if name == "latency":
            return self._engine.latency_ms(self._model)
        return float(self._attributes["metrics"][objectives.recorded(name)])
