"""The sampler that an Optuna script brings: seeded for each trial, so that all workers agree."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from optuna import samplers as optunas
from optuna.samplers import BaseSampler

from studyhall.storage.sampling import samplers

SEED = "_seed"  # attribute of those that keep the seed that they were given
RANDOM = "_rng"  # attribute of Optuna's samplers that holds their random numbers
# Samplers whose state workers must share; ours take their place.
SHARED = {
    optunas.CmaEsSampler: "cmaes",
    optunas.NSGAIISampler: "nsgaii",
    optunas.QMCSampler: "qmc",
}


def name(sampler: BaseSampler | None) -> str:
    """Return the name that stands for a sampler in a study file."""
    known = {
        optunas.RandomSampler: "random",
        optunas.TPESampler: "tpe",
        optunas.GPSampler: "gp",
        **SHARED,
    }
    return next((each for kind, each in known.items() if type(sampler) is kind), "auto")


def seed(sampler: BaseSampler | None) -> int | None:
    """Return the seed that a script has given its sampler; a random one if it gave none.

    None if the sampler draws no random numbers.
    """
    given = getattr(sampler, SEED, None)
    if isinstance(given, int):
        return given
    states = [] if sampler is None else [*_random_states(sampler)]
    return int(states[0].get_state()[1][0]) if states else None  # type: ignore[index]


def factory(sampler: BaseSampler | None, study_seed: int) -> Callable[[int], BaseSampler] | None:
    """Return a function that makes the sampler of one trial from that trial's seed.

    Args:
        sampler: the script's own; None for Optuna's default.
        study_seed: seed of what all trials share.
    """
    if sampler is None:
        return None
    if type(sampler) is optunas.GridSampler:
        points = sampler._search_space
        return samplers.named("grid", study_seed=study_seed, grid=points)
    shared = SHARED.get(type(sampler))
    if shared is not None:
        return samplers.named(shared, study_seed=study_seed)
    return lambda seed: _seeded(sampler, seed)


def _seeded(sampler: BaseSampler, seed: int) -> BaseSampler:
    fresh = copy.deepcopy(sampler)
    for index, state in enumerate(_random_states(fresh)):
        state.seed((seed + index) % 2**32)
    return fresh


def _random_states(sampler: Any) -> Iterator[np.random.RandomState]:
    """Yield the random states of a sampler and of the samplers that it holds."""
    held: Any = getattr(sampler, RANDOM, None)
    if hasattr(held, "rng"):
        yield held.rng
    for inner in vars(sampler).values():
        if isinstance(inner, BaseSampler):
            yield from _random_states(inner)
