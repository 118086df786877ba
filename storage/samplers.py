"""Optuna's samplers, made to agree between workers without a word to each other.

Each trial gets a sampler of its own, seeded by the trial; what several workers must share (a point
of the grid, a place in a sequence, a generation) is derived from the mirror and from how many trials
were drawn before this one.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import cmaes
import optuna
from optuna._transform import _SearchSpaceTransform
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, GridSampler, QMCSampler
from optuna.samplers import RandomSampler, TPESampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from storage.claim import DRAW

NAMES = ("auto", "tpe", "gp", "cmaes", "random", "grid", "qmc")

Factory = Callable[[int], BaseSampler]  # makes a trial's sampler from the trial's seed


def named(
    name: str, *, study_seed: int, grid: Mapping[str, Sequence[Any]] | None = None
) -> Factory:
    """Makes the samplers that a study file names; "auto" is TPE.

    Args:
        name: one of `NAMES`.
        study_seed: for what all trials must have in common.
        grid: values of every hyperparameter, for the grid only.

    Raises:
        ValueError: there is no sampler of that name, or no grid for "grid".
    """
    makers: dict[str, Factory] = {
        "auto": lambda seed: TPESampler(seed=seed),
        "tpe": lambda seed: TPESampler(seed=seed),
        "gp": lambda seed: GPSampler(seed=seed),
        "cmaes": lambda seed: Cmaes(seed, study_seed),
        "random": lambda seed: RandomSampler(seed=seed),
        "grid": lambda seed: Grid(grid or {}, study_seed, seed),
        "qmc": lambda seed: Sequence_(seed),
    }
    if name not in makers:
        raise ValueError(f"sampler: received {name!r}, expected one of {', '.join(NAMES)}")
    if name == "grid" and not grid:
        raise ValueError("sampler: received 'grid', expected lists of values to search")
    return makers[name]
