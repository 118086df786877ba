"""A trial as a KerasTuner script sees it: its hyperparameters, its metrics and its score."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from studyhall.keras_tuner import objective as objectives
from studyhall.search.display.terminal import say
from studyhall.spaces.hp.hyperparameters import HyperParameters


class TrialStatus:
    """The states of a trial, by KerasTuner's names."""

    RUNNING = "RUNNING"
    IDLE = "IDLE"
    INVALID = "INVALID"
    STOPPED = "STOPPED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


STATES = {
    "RUNNING": TrialStatus.RUNNING,
    "COMPLETE": TrialStatus.COMPLETED,
    "PRUNED": TrialStatus.STOPPED,
    "FAIL": TrialStatus.FAILED,
}


class MetricsTracker:
    """The metrics of a trial, each at its steps."""

    def __init__(self) -> None:
        self.metrics: dict[str, dict[int, float]] = {}

    def exists(self, name: str) -> bool:
        """Return True if there is a metric of that name."""
        return name in self.metrics

    def update(self, name: str, value: float, step: int = 0) -> None:
        """Record a value."""
        self.metrics.setdefault(name, {})[step] = float(value)

    def get_best_value(self, name: str) -> float:
        """Return the best value of a metric over its steps."""
        values = list(self._of(name).values())
        largest = objectives.infer_metric_direction(name) == objectives.MAX
        return float(np.nanmax(values) if largest else np.nanmin(values))

    def get_last_value(self, name: str) -> float:
        """Return the value of a metric at its last step."""
        known = self._of(name)
        return known[max(known)]

    def get_history(self, name: str) -> list[tuple[int, float]]:
        """Return the steps of a metric with their values."""
        return sorted(self._of(name).items())

    def _of(self, name: str) -> Mapping[int, float]:
        if name not in self.metrics:
            raise ValueError(f"Unknown metric: {name}")
        return self.metrics[name]


class Trial:
    """One trial.

    Attributes:
        hyperparameters: its values.
        trial_id: its number, as text.
        metrics: what it has measured.
        score: its value, or None.
        best_step: the epoch of that value, from 0.
        status: one of `TrialStatus`.
        message: the reason if it failed.
        metrics_at_best: the metrics of its result.
    """

    def __init__(
        self,
        hyperparameters: HyperParameters,
        trial_id: str,
        status: str = TrialStatus.RUNNING,
        message: str | None = None,
    ) -> None:
        self.hyperparameters = hyperparameters
        self.trial_id = trial_id
        self.metrics = MetricsTracker()
        self.score: float | None = None
        self.best_step = 0
        self.status = status
        self.message = message
        self.metrics_at_best: dict[str, float] = {}

    def summary(self) -> None:
        """Print hyperparameters and score."""
        say(f"Trial {self.trial_id} summary", "Hyperparameters:")
        self.display_hyperparameters()
        if self.score is not None:
            say(f"Score: {self.score}")
        if self.message is not None:
            say(*self.message.splitlines())

    def display_hyperparameters(self) -> None:
        """Print each hyperparameter with its value."""
        if not self.hyperparameters.values:
            say("default configuration")
        for name, value in self.hyperparameters.values.items():
            say(f"{name}: {value}")
