"""The creation and finding of studies, as `optuna.create_study` and `optuna.load_study` do it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import optuna
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler

from studyhall.optuna import study as studies
from studyhall.optuna.study import Study
from studyhall.search.study_file import objectives
from studyhall.search.study_file.config_error import ConfigError

_LOAD = optuna.load_study  # Optuna's own, which a script that is run no longer finds there


def create_study(
    *,
    storage: Any = None,
    sampler: BaseSampler | None = None,
    pruner: BasePruner | None = None,
    study_name: str | None = None,
    direction: Any = None,
    load_if_exists: bool = False,
    directions: Sequence[Any] | None = None,
) -> Study:
    """Return a study, as `optuna.create_study`; it is in the database once it is optimised.

    A study that exists already goes on, whatever `load_if_exists` says: that is how an interrupted
    script continues.

    Args:
        storage: URL of the database, or an Optuna storage with a URL; default: $STUDYHALL_STORAGE,
            else sqlite:///studyhall.db.
        sampler: suggests hyperparameters; its random numbers are seeded for each trial.
        pruner: decides what `trial.should_prune` answers.
        study_name: default: the script's name.
        direction: "minimize" or "maximize".
        load_if_exists: kept for scripts that give it.
        directions: that of each objective, if there are several.

    Raises:
        ValueError: there is no such direction, or both are given.
    """
    if direction is not None and directions is not None:
        raise ValueError("Specify only one of `direction` and `directions`.")
    if directions is not None and len(directions) == 0:
        raise ValueError("The number of objectives must be greater than 0.")
    ways = [_direction(each) for each in ([direction] if directions is None else directions)]
    return Study(study_name, _url(storage), sampler, pruner, ways)


def load_study(
    *,
    study_name: str | None = None,
    storage: Any = None,
    sampler: BaseSampler | None = None,
    pruner: BasePruner | None = None,
) -> Any:
    """Return a study that this script optimises, by its name; another one as Optuna has it."""
    for known in studies._created:
        if study_name in (None, known.study_name):
            return known
    return _LOAD(study_name=study_name, storage=storage, sampler=sampler, pruner=pruner)


def _direction(given: Any) -> str:
    """Return a direction as text.

    Raises:
        ValueError: it is none.
    """
    name = getattr(given, "name", given)
    chosen = objectives.MINIMIZE if name is None else str(name).lower()
    if chosen not in (objectives.MINIMIZE, objectives.MAXIMIZE):
        raise ValueError(f"Please set either 'minimize' or 'maximize' to direction. Got {given}.")
    return chosen


def _url(storage: Any) -> str | None:
    """Return the URL of a storage.

    Raises:
        ConfigError: it is no database.
    """
    if storage is None or isinstance(storage, str):
        return storage
    url = getattr(storage, "url", None)
    if isinstance(url, str):
        return url
    kind = type(storage).__name__
    expected = "expected the URL of an SQLite or PostgreSQL database"
    raise ConfigError([f"create_study(storage=…): received a {kind}, {expected}"])
