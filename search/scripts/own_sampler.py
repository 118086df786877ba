"""The sampler that an Optuna script brings: seeded for each trial, so that all workers agree."""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from optuna import samplers as optunas
from optuna.samplers import BaseSampler

from studyhall.storage.sampling import samplers

SEED = "_seed"  # attribute of those that keep the seed that they were given
MOST_SEED = 2**32
# The samplers that a script may bring, by their names in a study file.
NAMES: dict[type[BaseSampler], str] = {
    optunas.RandomSampler: "random",
    optunas.TPESampler: "tpe",
    optunas.GPSampler: "gp",
    optunas.CmaEsSampler: "cmaes",
    optunas.NSGAIISampler: "nsgaii",
    optunas.QMCSampler: "qmc",
    optunas.GridSampler: "auto",
    optunas.PartialFixedSampler: "auto",
}
# Samplers whose state workers must share, by ours that compute it from the finished trials.
OURS: dict[type[BaseSampler], type[BaseSampler]] = {
    optunas.CmaEsSampler: samplers.Cmaes,
    optunas.NSGAIISampler: samplers.Genetic,
    optunas.QMCSampler: samplers.Sobol,
}
POPULATION = 50  # of NSGA-II, Optuna's default for several objectives


def name(sampler: BaseSampler | None, objectives: int = 1) -> str:
    """Return the name that stands for a sampler in a study file.

    Args:
        sampler: the script's own; None for Optuna's default.
        objectives: number of the study's objectives.
    """
    if sampler is None:
        return "auto" if objectives == 1 else "nsgaii"
    if type(sampler) is optunas.PartialFixedSampler:
        return name(sampler._base_sampler)
    return NAMES.get(type(sampler), "auto")


def refusal(sampler: BaseSampler | None) -> str | None:
    """Return why a sampler can't be used, in one sentence; None if it can."""
    if sampler is None:
        return None
    if type(sampler) is optunas.PartialFixedSampler:
        return refusal(sampler._base_sampler)
    if type(sampler) not in NAMES:
        known = ", ".join(kind.__name__ for kind in NAMES)
        return f"sampler: received {type(sampler).__name__}, expected one of {known}"
    if isinstance(sampler, optunas.CmaEsSampler):
        return _refusal_of_cmaes(sampler)
    return None


def _refusal_of_cmaes(sampler: optunas.CmaEsSampler) -> str | None:
    """Return which argument needs more than the values of finished trials, in one sentence."""
    unshared = {
        "with_margin": sampler._with_margin,
        "consider_pruned_trials": sampler._consider_pruned_trials,
    }
    given = [f"CmaEsSampler({name}=True)" for name, is_given in unshared.items() if is_given]
    if not given:
        return None
    return f"sampler: received {given[0]}, whose state workers can't share, expected it without"


def seed(sampler: BaseSampler | None) -> int | None:
    """Return the seed that a script has given its sampler; a random one if it gave none.

    None if the sampler draws no random numbers.
    """
    given = getattr(sampler, SEED, None)
    if isinstance(given, int):
        return given % MOST_SEED
    states = [] if sampler is None else [*_random_states(sampler)]
    return int(states[0].get_state()[1][0]) if states else None


def most_trials(sampler: BaseSampler | None) -> int | None:
    """Return the number of trials after which a sampler has nothing new; None if there is none."""
    if type(sampler) is not optunas.GridSampler:
        return None
    return math.prod(len(values) for values in sampler._search_space.values())


def factory(
    sampler: BaseSampler | None, objectives: int = 1
) -> Callable[[int], samplers.Factory] | None:
    """Return a function that makes, from the study's seed, what makes the sampler of one trial.

    Args:
        sampler: the script's own; None for Optuna's default.
        objectives: number of the study's objectives.
    """
    if sampler is None and objectives == 1:
        return None
    if sampler is None:
        return lambda seed: samplers.named("nsgaii", study_seed=seed, startup_trials=POPULATION)
    if type(sampler) is optunas.GridSampler:
        points = sampler._search_space
        return lambda seed: samplers.named("grid", study_seed=seed, grid=points)
    return lambda study_seed: lambda seed: _seeded(sampler, study_seed, seed)


def _seeded(sampler: BaseSampler, study_seed: int, seed: int) -> BaseSampler:
    fresh = copy.deepcopy(sampler)
    _share(fresh, study_seed)
    for index, state in enumerate(_random_states(fresh)):
        state.seed((seed + index) % MOST_SEED)
    return fresh


def _share(sampler: BaseSampler, study_seed: int) -> None:
    """Let a sampler, and those that it holds, be ours of the same definition."""
    ours = OURS.get(type(sampler))
    if ours is not None:
        if type(sampler) is optunas.QMCSampler:
            vars(sampler)[SEED] = study_seed
        sampler.__class__ = ours
    for inner in vars(sampler).values():
        if isinstance(inner, BaseSampler):
            _share(inner, study_seed)


def _random_states(sampler: Any, known: set[int] | None = None) -> Iterator[Any]:
    """Yield the random states of a sampler and of what it holds, each once."""
    known = set() if known is None else known
    for held in vars(sampler).values():
        if id(held) in known:
            continue
        known.add(id(held))
        if isinstance(held, np.random.RandomState | random.Random):
            yield held
        elif isinstance(getattr(type(held), "rng", None), property):
            yield held.rng
        elif type(held).__module__.startswith("optuna.samplers") and hasattr(held, "__dict__"):
            yield from _random_states(held, known)
