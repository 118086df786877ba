"""The names of `keras_tuner.engine.hyperparameters`, for scripts that import from there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from studyhall.spaces.hp.hyperparameters import HyperParameters
from studyhall.spaces.hp.kinds import (
    Boolean,
    Choice,
    Fixed,
    Float,
    HyperParameter,
    Int,
    from_config,
)

__all__ = [
    "Boolean",
    "Choice",
    "Fixed",
    "Float",
    "HyperParameter",
    "HyperParameters",
    "Int",
    "deserialize",
    "serialize",
]


def serialize(hyperparameter: HyperParameter) -> dict[str, Any]:
    """Return a hyperparameter as plain data."""
    return {"class_name": hyperparameter.kind, "config": hyperparameter.get_config()}


def deserialize(config: Mapping[str, Any]) -> HyperParameter:
    """Return the hyperparameter that `serialize` has described."""
    return from_config(config)
