"""The names of `keras_tuner.engine`, for scripts that import from there."""

from studyhall.keras_tuner import (
    hypermodel,
    hyperparameters,
    metrics_tracking,
    objective,
    oracle,
    trial,
    tuner,
)

base_tuner, multi_execution_tuner, hyperparameter = tuner, tuner, hyperparameters

__all__ = [
    "base_tuner",
    "hypermodel",
    "hyperparameter",
    "hyperparameters",
    "metrics_tracking",
    "multi_execution_tuner",
    "objective",
    "oracle",
    "trial",
    "tuner",
]
