"""The objectives beside the first one, as they are known at the end of a trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from search.study_file import objectives
from search.training.engine import Engine


class Further:
    """What a trial has come to in any objective, looked up by its name.

    Args:
        engine: of its last part.
        model: of its last part.
        bests: what was measured at the best epoch of each part.
        attributes: of the trial.
    """

    def __init__(
        self,
        engine: Engine,
        model: keras.Model,
        bests: Sequence[Mapping[str, float]],
        attributes: Mapping[str, Any],
    ) -> None:
        self._engine, self._model = engine, model
        self._bests, self._attributes = bests, attributes

    def __getitem__(self, name: str) -> float:
        """The value: of a metric the mean over the parts."""
        if name == "parameters":
            return float(self._attributes["parameters"])
        if name == "latency":
            return self._engine.latency_ms(self._model)
        return float(np.mean([best[objectives.recorded(name)] for best in self._bests]))
