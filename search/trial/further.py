"""The objectives beside the first one, as they are known at the end of a trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from search.study_file import objectives
from search.training.engine import Engine


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
