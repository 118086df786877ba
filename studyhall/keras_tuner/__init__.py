"""KerasTuner's interface on studyhall's studies: ``import studyhall.keras_tuner as keras_tuner``.

A search becomes a study: its budget is exact over all processes, its trials are in a database, and
a process that is killed costs no more than the epochs since the last checkpoint.
"""

from studyhall.keras_tuner import (
    applications,
    engine,
    errors,
    hyperparameters,
    oracles,
    tuners,
)
from studyhall.keras_tuner.errors import FailedTrialError
from studyhall.keras_tuner.hypermodel import HyperModel
from studyhall.keras_tuner.objective import Objective
from studyhall.keras_tuner.oracle import Oracle, synchronized
from studyhall.keras_tuner.sklearn_tuner import SklearnTuner
from studyhall.keras_tuner.tuner import Tuner
from studyhall.keras_tuner.tuners import (
    BayesianOptimization,
    GridSearch,
    Hyperband,
    RandomSearch,
)
from studyhall.spaces.hp.hyperparameters import HyperParameters
from studyhall.spaces.hp.kinds import HyperParameter

__version__ = "1.4.8"  # of the KerasTuner whose interface this is

__all__ = [
    "BayesianOptimization",
    "FailedTrialError",
    "GridSearch",
    "HyperModel",
    "HyperParameter",
    "HyperParameters",
    "Hyperband",
    "Objective",
    "Oracle",
    "RandomSearch",
    "SklearnTuner",
    "Tuner",
    "__version__",
    "applications",
    "engine",
    "errors",
    "hyperparameters",
    "oracles",
    "synchronized",
    "tuners",
]
