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
LOOKED_FOR = ("_fixed_params",)
# Of samplers and pruners that a script brings, whose arguments nothing public tells: `_rng` and
# `_seed` are looked up (search/scripts/own_sampler.py), and without them random numbers depend on
# the process; without one of the others the script's search ends with a traceback.
OF_SCRIPTS = (
    *("_search_space", "_percentile", "_n_startup_trials", "_n_warmup_steps", "_interval_steps"),
    *("_min_resource", "_max_resource", "_reduction_factor", "_min_early_stopping_rate"),
    *("_n_min_trials", "_bootstrap_count", "_wrapped_pruner", "_base_sampler"),
    *("_with_margin", "_consider_pruned_trials"),
)


def lacking(sampler: str) -> str | None:
    """Return a private name that a sampler needs and the installed Optuna lacks, or None.

    Args:
        sampler: the sampler's name in a study file.
    """
    kind, names = OF_SAMPLERS.get(sampler, (None, ()))
    if sampler == "cmaes" and SearchSpaceTransform is None:
        return "_SearchSpaceTransform"
    return next((f"{kind.__name__}.{name}" for name in names if not hasattr(kind, name)), None)
