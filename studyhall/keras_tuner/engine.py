"""The names of `keras_tuner.engine`, for scripts that import from there."""

from studyhall.keras_tuner import hypermodel, objective, oracle, trial, tuner
from studyhall.spaces.hp import hyperparameters
from studyhall.spaces.hp import kinds as hyperparameter

base_tuner, multi_execution_tuner = tuner, tuner

__all__ = [
    "base_tuner",
    "hypermodel",
    "hyperparameter",
    "hyperparameters",
    "multi_execution_tuner",
    "objective",
    "oracle",
    "trial",
    "tuner",
]
