"""The private names of Optuna that studyhall uses, all in one place.

Optuna's tables are not among them: they are a format with a version of its own
(`storage.database.versions`). The private names of Keras are in `spaces.private_names`.
"""

import importlib
from typing import Any

import optuna


def _found(module: str, name: str) -> Any:
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        return None


SearchSpaceTransform = _found("optuna._transform", "_SearchSpaceTransform")  # for CMA-ES
FrozenStudy = _found("optuna.study._frozen", "FrozenStudy")  # if None, Optuna lists the studies
# Storages and samplers need these attributes: no public one identifies a trial or a study.
IDENTIFIERS = ("_trial_id", "_study_id", "_storage")
# Methods that our samplers override or call; a sampler is unavailable if one is missing.
OF_SAMPLERS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "cmaes": (
        optuna.samplers.CmaEsSampler,
        ("_get_solution_trials", "_init_optimizer", "_restore_optimizer"),
    ),
    "qmc": (optuna.samplers.QMCSampler, ("_find_sample_id",)),
}
# Looked up where it is used (spaces/user_trial.py): if it is missing, only Optuna warns of a
# queued value that the user's code doesn't accept.
# `_rng` and `_seed` hold a sampler's random numbers (search/scripts/own_sampler.py): without them,
# those of a script's own sampler depend on its process.
LOOKED_FOR = ("_fixed_params", "_rng", "_seed")


def lacking(sampler: str) -> str | None:
    """Return a private name that a sampler needs and the installed Optuna lacks, or None.

    Args:
        sampler: the sampler's name in a study file.
    """
    kind, names = OF_SAMPLERS.get(sampler, (None, ()))
    if sampler == "cmaes" and SearchSpaceTransform is None:
        return "_SearchSpaceTransform"
    return next((f"{kind.__name__}.{name}" for name in names if not hasattr(kind, name)), None)
