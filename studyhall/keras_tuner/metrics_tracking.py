"""The metrics of a trial as a KerasTuner script sees them: each at its steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from studyhall.keras_tuner.objective import MAX, MIN, infer_metric_direction

STATISTICS: dict[str, Callable[[Any], Any]] = {
    "min": np.nanmin,
    "max": np.nanmax,
    "mean": np.nanmean,
    "median": np.nanmedian,
    "var": np.nanvar,
    "std": np.nanstd,
}


class MetricObservation:
    """The values of a metric at one step.

    Args:
        value: a value, or a list of them.
        step: the epoch, from 0.
    """

    def __init__(self, value: Any, step: int) -> None:
        self.value: list[float] = [*value] if isinstance(value, list) else [value]
        self.step = step

    def append(self, value: Any) -> None:
        """Add a value, or a list of them."""
        self.value += value if isinstance(value, list) else [value]

    def mean(self) -> float:
        """Return the mean of the values."""
        return float(np.mean(self.value))

    def get_config(self) -> dict[str, Any]:
        """Return the observation as plain data."""
        return {"value": self.value, "step": self.step}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> MetricObservation:
        """Return the observation that `get_config` has described."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, MetricObservation):
            return False
        return (other.value, other.step) == (self.value, self.step)

    __hash__ = None  # type: ignore[assignment]  # it changes, as KerasTuner's does

    def __repr__(self) -> str:
        return f"MetricObservation(value={self.value}, step={self.step})"


class MetricHistory:
    """The observations of one metric.

    Args:
        direction: "min" or "max".
    """

    def __init__(self, direction: str = MIN) -> None:
        if direction not in (MIN, MAX):
            raise ValueError(f'direction: received {direction!r}, expected "min" or "max"')
        self.direction = direction
        self._observations: dict[int, MetricObservation] = {}

    def update(self, value: Any, step: int) -> None:
        """Record a value, or a list of them, at a step."""
        if step in self._observations:
            self._observations[step].append(value)
        else:
            self._observations[step] = MetricObservation(value, step)

    def get_history(self) -> list[MetricObservation]:
        """Return the observations, by step."""
        return sorted(self._observations.values(), key=lambda each: each.step)

    def set_history(self, observations: Sequence[MetricObservation]) -> None:
        """Record observations."""
        for each in observations:
            self.update(each.value, each.step)

    def get_best_value(self) -> float | None:
        """Return the best value; None if there is none."""
        values = self._means()
        if not values:
            return None
        return float(np.nanmax(values) if self.direction == MAX else np.nanmin(values))

    def get_best_step(self) -> int | None:
        """Return the step of the best value; None if there is none."""
        best = self.get_best_value()
        found = self._observations.values()
        return next((each.step for each in found if each.mean() == best), None)

    def get_last_value(self) -> float | None:
        """Return the value at the last step; None if there is none."""
        return next(iter(self._means()[::-1]), None)

    def get_statistics(self) -> dict[str, float]:
        """Return smallest and largest value, mean, median, variance and deviation."""
        values = self._means()
        return {name: float(of(values)) for name, of in STATISTICS.items()} if values else {}

    def get_config(self) -> dict[str, Any]:
        """Return the history as plain data."""
        observations = [each.get_config() for each in self.get_history()]
        return {"direction": self.direction, "observations": observations}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> MetricHistory:
        """Return the history that `get_config` has described."""
        history = cls(config["direction"])
        history.set_history([*map(MetricObservation.from_config, config["observations"])])
        return history

    def _means(self) -> list[float]:
        return [each.mean() for each in self.get_history()]


class MetricsTracker:
    """The metrics of a trial.

    Args:
        metrics: Keras' metrics to begin with.

    Attributes:
        metrics: the history of each, by name.
    """

    def __init__(self, metrics: Sequence[Any] | None = None) -> None:
        self.metrics: dict[str, MetricHistory] = {}
        self.register_metrics(metrics)

    def exists(self, name: str) -> bool:
        """Return True if there is a metric of that name."""
        return name in self.metrics

    def register_metrics(self, metrics: Sequence[Any] | None = None) -> None:
        """Begin with Keras' metrics."""
        for each in metrics or []:
            self.register(each.name)

    def register(self, name: str, direction: str | None = None) -> None:
        """Begin with a metric; its direction is known of Keras' own, and "min" of others."""
        if self.exists(name):
            raise ValueError(f"Metric already exists: {name}")
        self.metrics[name] = MetricHistory(direction or infer_metric_direction(name) or MIN)

    def update(self, name: str, value: float, step: int = 0) -> bool:
        """Record a value; return True if the best one changes by it."""
        if not self.exists(name):
            self.register(name)
        before = self.metrics[name].get_best_value()
        self.metrics[name].update(float(value), step)
        return self.metrics[name].get_best_value() != before

    def get_history(self, name: str) -> list[MetricObservation]:
        """Return the observations of a metric, by step."""
        return self._of(name).get_history()

    def set_history(self, name: str, observations: Sequence[MetricObservation]) -> None:
        """Record observations of a metric."""
        if not self.exists(name):
            self.register(name)
        self.metrics[name].set_history(observations)

    def get_best_value(self, name: str) -> float | None:
        """Return the best value of a metric."""
        return self._of(name).get_best_value()

    def get_best_step(self, name: str) -> int | None:
        """Return the step of the best value of a metric."""
        return self._of(name).get_best_step()

    def get_statistics(self, name: str) -> dict[str, float]:
        """Return smallest and largest value of a metric, mean, median, variance and deviation."""
        return self._of(name).get_statistics()

    def get_last_value(self, name: str) -> float | None:
        """Return the value of a metric at its last step."""
        return self._of(name).get_last_value()

    def get_direction(self, name: str) -> str:
        """Return "min" or "max"."""
        return self._of(name).direction

    def get_config(self) -> dict[str, Any]:
        """Return the metrics as plain data."""
        return {"metrics": {name: each.get_config() for name, each in self.metrics.items()}}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> MetricsTracker:
        """Return the metrics that `get_config` has described."""
        tracker = cls()
        for name, each in config["metrics"].items():
            tracker.metrics[name] = MetricHistory.from_config(each)
        return tracker

    def _of(self, name: str) -> MetricHistory:
        if name not in self.metrics:
            raise ValueError(f"Unknown metric: {name}")
        return self.metrics[name]
