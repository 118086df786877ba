"""A trial as a KerasTuner script sees it: its hyperparameters, its metrics and its score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from studyhall.keras_tuner.metrics_tracking import MetricsTracker
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

    def get_state(self) -> dict[str, Any]:
        """Return the trial as plain data."""
        return {
            "trial_id": self.trial_id,
            "hyperparameters": self.hyperparameters.get_config(),
            "metrics": self.metrics.get_config(),
            "score": self.score,
            "best_step": self.best_step,
            "status": self.status,
            "message": self.message,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Become the trial that `get_state` has described; the study's own does not change."""
        self.trial_id, self.status = state["trial_id"], state["status"]
        self.hyperparameters = HyperParameters.from_config(state["hyperparameters"])
        self.metrics = MetricsTracker.from_config(state["metrics"])
        self.score, self.best_step = state["score"], state["best_step"]
        self.message = state["message"]

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Trial:
        """Return the trial that `get_state` has described."""
        trial = cls(HyperParameters(), state["trial_id"])
        trial.set_state(state)
        return trial
