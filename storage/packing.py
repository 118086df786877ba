"""Hyperparameters and reports as the short texts and bytes that travel between workers."""

import functools
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from optuna import distributions
from optuna.distributions import BaseDistribution

Params = tuple[dict[str, Any], dict[str, BaseDistribution]]


def pack_params(
    params: Mapping[str, Any], spaces: Mapping[str, BaseDistribution]
) -> tuple[str, str]:
    """Writes values (in Optuna's internal representation) and distributions as two JSON objects."""
    internal = {name: spaces[name].to_internal_repr(value) for name, value in params.items()}
    texts = ", ".join(f"{json.dumps(name)}: {distribution_json(spaces[name])}" for name in params)
    return json.dumps(internal), "{" + texts + "}"


def unpack_params(params: str, spaces: str) -> Params:
    """Reads what `pack_params` wrote: values as the user sees them, and their distributions."""
    known = _distributions(spaces)
    internal = json.loads(params)
    return {name: known[name].to_external_repr(value) for name, value in internal.items()}, known


@functools.lru_cache(maxsize=4096)
def distribution_json(distribution: BaseDistribution) -> str:
    """The text that Optuna's own table holds for a distribution."""
    return distributions.distribution_to_json(distribution)


@functools.lru_cache(maxsize=4096)
def _distributions(text: str) -> dict[str, BaseDistribution]:
    return {name: distribution(json.dumps(one)) for name, one in json.loads(text).items()}


@functools.lru_cache(maxsize=4096)
def distribution(text: str) -> BaseDistribution:
    """Reads the text that Optuna's own table holds for a distribution."""
    return distributions.json_to_distribution(text)


def pack_reports(reports: Mapping[int, float]) -> bytes:
    """Packs values by step (0, 1, 2, …) as little-endian doubles; a step without one is NaN."""
    steps = range(max(reports, default=-1) + 1)
    return np.array([reports.get(step, np.nan) for step in steps], "<f8").tobytes()


def unpack_reports(packed: bytes) -> npt.NDArray[np.float64]:
    """Values of the steps 0, 1, 2, …; NaN where there was none."""
    return np.frombuffer(packed, "<f8")
