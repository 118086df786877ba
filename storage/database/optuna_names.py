"""The private names of Optuna that studyhall leans on: here are all of them.

Its tables are none: they are a format, with a version of its own (`storage.database.versions`).
Those of Keras are in `spaces.private_names`.
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
FrozenStudy = _found("optuna.study._frozen", "FrozenStudy")  # None: Optuna lists the studies
# A storage and a sampler must know them: no public name tells which trial or study it is.
IDENTIFIERS = ("_trial_id", "_study_id", "_storage")
# Methods that a sampler of ours replaces or calls; without them there is no such sampler.
OF_SAMPLERS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "cmaes": (
        optuna.samplers.CmaEsSampler,
        ("_get_solution_trials", "_init_optimizer", "_restore_optimizer"),
    ),
    "qmc": (optuna.samplers.QMCSampler, ("_find_sample_id",)),
}
# Asked for where it is used: without it a queued value that the code doesn't take is Optuna's to
# warn of (spaces/user_trial.py).
LOOKED_FOR = ("_fixed_params",)


def lacking(sampler: str) -> str | None:
    """A name that this sampler needs and the Optuna that is installed lacks; else None.

    Args:
        sampler: as a study file names it.
    """
    kind, names = OF_SAMPLERS.get(sampler, (None, ()))
    if sampler == "cmaes" and SearchSpaceTransform is None:
        return "_SearchSpaceTransform"
    return next((f"{kind.__name__}.{name}" for name in names if not hasattr(kind, name)), None)
