"""The user's own functions and classes for training that a study file names: `file.py:name`.

A Python program may hand them over instead; then they are called `python:name`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from studyhall.spaces import training_forms
from studyhall.spaces.training_forms import Label

OWN = re.compile(r"(.+\.py|python):([A-Za-z_]\w*)")
TAKEN = ("loss", "keras_loss", "learning_rate", "value")  # columns that each epoch has anyway

LOSS, METRIC, CALLBACKS = "loss", "metric", "callbacks"  # the roles of own code
FORMS = {
    LOSS: training_forms.OF_LOSS,
    METRIC: training_forms.OF_METRIC,
    CALLBACKS: training_forms.OF_CALLBACKS,
}
EXPECTED = {
    LOSS: "a function (y_true, y_pred), or a keras.losses.Loss",
    METRIC: "a function (y_true, y_pred), a keras.metrics.Metric, or a function () returning one",
    CALLBACKS: "a function () or (trial) that returns Keras callbacks",
}


@dataclass(frozen=True)
class Named:
    """One name of the user's code in a study file.

    Attributes:
        key: the key that holds it, with its table.
        reference: ``my_losses.py:focal``.
        role: `LOSS`, `METRIC` or `CALLBACKS`.
    """

    key: str
    reference: str
    role: str

    @property
    def name(self) -> str:
        """The name of the function or class, by which a metric is recorded."""
        return name_of(self.reference)

    @property
    def label(self) -> Label:
        """Its name in messages."""
        return Label(f'{self.key}: received "{self.reference}"', EXPECTED[self.role])


def is_own(value: Any) -> bool:
    """Return True if a value of a study file names code of the user's."""
    return isinstance(value, str) and OWN.fullmatch(value) is not None


def name_of(reference: str) -> str:
    """Return the name behind the colon of a reference; anything else unchanged."""
    return reference.rpartition(":")[2] if is_own(reference) else reference


def each_of(value: Any) -> list[str]:
    """Return the names in a value of ``loss`` or ``metrics``: one, a list, or those of outputs."""
    if isinstance(value, Mapping):
        return [name for each in value.values() for name in each_of(each)]
    if isinstance(value, str):
        return [value]
    return [*value] if value else []


def of_tables(study: Mapping[str, Any], training: Mapping[str, Any]) -> Iterator[Named]:
    """Yield the user's code for training that a study file names, each once.

    Args:
        study, training: the tables ``[study]`` and ``[training]``.
    """
    losses = dict.fromkeys(filter(is_own, each_of(training.get("loss"))))
    yield from (Named("[training] loss", each, LOSS) for each in losses)
    metrics, objective = training.get("metrics", ()), study.get("objective", ())
    listed = each_of(metrics)
    named = [objective] if isinstance(objective, str) else [*objective]
    found = {each: "[study] objective" for each in named if is_own(each)}
    found |= {each: "[training] metrics" for each in listed if is_own(each)}
    yield from (Named(key, each, METRIC) for each, key in found.items())
    if training.get("callbacks") is not None:
        yield Named("[training] callbacks", training["callbacks"], CALLBACKS)
