"""The objective of a KerasTuner script: the name of a logged metric, and its direction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MIN, MAX = "min", "max"
SHORT = {"loss": MIN, "crossentropy": MIN, "ce": MIN, "acc": MAX}
LARGE = (
    "Accuracy", "BinaryAccuracy", "CategoricalAccuracy", "SparseCategoricalAccuracy",
    "TopKCategoricalAccuracy", "SparseTopKCategoricalAccuracy", "TruePositives", "TrueNegatives",
    "Precision", "Recall", "AUC", "SensitivityAtSpecificity", "SpecificityAtSensitivity",
    "accuracy", "categorical_accuracy", "binary_accuracy", "sparse_categorical_accuracy",
)  # fmt: skip


class Objective:
    """A metric to optimise.

    Args:
        name: its name in the logs of an epoch, such as "val_accuracy".
        direction: "min" or "max".
    """

    def __init__(self, name: str, direction: str) -> None:
        self.name = name
        self.direction = direction

    def has_value(self, logs: Mapping[str, Any]) -> bool:
        """Return True if the logs hold the metric."""
        return self.name in logs

    def get_value(self, logs: Mapping[str, Any]) -> Any:
        """Return the metric's value in the logs."""
        return logs[self.name]

    def better_than(self, a: float, b: float) -> bool:
        """Return True if the value `a` is better than the value `b`."""
        return a > b if self.direction == MAX else a < b

    def __eq__(self, other: object) -> bool:
        same = isinstance(other, Objective) and self.name == other.name
        return same and self.direction == other.direction  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash((self.name, self.direction))

    def __str__(self) -> str:
        return f'Objective(name="{self.name}", direction="{self.direction}")'


class DefaultObjective(Objective):
    """The objective if the script names none: the number that `run_trial` returns, minimised."""

    def __init__(self) -> None:
        super().__init__("default_objective", MIN)


class MultiObjective(Objective):
    """The sum of several metrics, those to maximise with a minus sign; it is minimised."""

    def __init__(self, objectives: list[Objective]) -> None:
        super().__init__("multi_objective", MIN)
        self.objectives = objectives

    def __str__(self) -> str:
        return f"Multi{super().__str__()}: [{', '.join(map(str, self.objectives))}]"

    def has_value(self, logs: Mapping[str, Any]) -> bool:
        """Return True if the logs hold every metric."""
        return all(each.has_value(logs) for each in self.objectives)

    def get_value(self, logs: Mapping[str, Any]) -> Any:
        """Return the sum of the metrics."""
        return sum(
            each.get_value(logs) * (-1 if each.direction == MAX else 1) for each in self.objectives
        )


def create(objective: Any) -> Objective:
    """Return the objective that a script names.

    Raises:
        ValueError: the direction of the metric can't be known from its name.
        TypeError: this is neither a name nor an objective, nor a list of those.
    """
    if objective is None:
        return DefaultObjective()
    if isinstance(objective, list):
        return MultiObjective([create(each) for each in objective])
    if isinstance(objective, Objective):
        return objective
    if not isinstance(objective, str):
        raise TypeError(
            f"`objective` not understood, expected str or `Objective` object, found: {objective}"
        )
    direction = infer_metric_direction(objective)
    if direction is None:
        raise ValueError(
            f'objective: received "{objective}", whose direction is unknown, expected '
            f'keras_tuner.Objective("{objective}", direction="min") or "max"'
        )
    return Objective(objective, direction)


def infer_metric_direction(metric: str) -> str | None:
    """Return "min" or "max" for a metric or loss that Keras knows by this name, otherwise None."""
    import keras

    name = metric.removeprefix("val_").removeprefix("weighted_")
    if name in SHORT:
        return SHORT[name]
    for known in (keras.metrics, keras.losses):
        try:
            found = known.get(name)
        except ValueError:
            continue
        kind = getattr(found, "__name__", type(found).__name__)
        return MAX if {kind, name} & {*LARGE} else MIN
    known_to_keras = hasattr(keras.metrics, name) or hasattr(keras.losses, name)
    return MIN if known_to_keras else None
