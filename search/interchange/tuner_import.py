"""The import of a KerasTuner project as a study."""

from __future__ import annotations

from collections.abc import Mapping
from math import floor
from pathlib import Path
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from studyhall.search.interchange import keras_tuner
from studyhall.search.interchange.keras_tuner import TunerTrial
from studyhall.search.study import foreign
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.database import Database, encoding
from studyhall.storage.studies import copy_checks, importing
from studyhall.storage.studies.importing import Imported
from studyhall.storage.studies.rows import Study

ORIGIN = "KerasTuner"
OWN = "tuner/"  # how hyperparameters that Hyperband keeps for itself begin


def create(db: Database, folder: Path, name: str, objective: str | None) -> tuple[Study, int]:
    """Create a study from a project folder.

    Args:
        db: the database that gets the study.
        folder: the project folder.
        name: the study's name.
        objective: `min:NAME` or `max:NAME`, where the folder doesn't tell; else None.

    Returns:
        The study, and how many trials were left out, since they have not ended.

    Raises:
        ConfigError: the folder can't be read.
        StorageError: the name is taken.
    """
    found = keras_tuner.read(folder)
    ended = [trial for trial in found if trial.status in keras_tuner.STATES]
    if not ended:
        raise ConfigError([f"{folder}: received no trial that has ended, expected at least one"])
    metric, direction = keras_tuner.objective_of(ended, objective)
    trials = [_imported(trial, metric) for trial in ended]
    copy_checks.check_target(db, name)
    named = foreign.objective_of(metric)
    record = foreign.record_of(
        name, origin=ORIGIN, folder=folder, objective=named, direction=direction, trials=len(trials)
    )
    study = importing.create(
        db, name, config=record, direction=direction, objective=named, trials=trials
    )
    return study, len(found) - len(ended)


def _imported(trial: TunerTrial, metric: str) -> Imported:
    state = keras_tuner.STATES[trial.status]
    spaces = {each["config"]["name"]: distribution(each) for each in _searched(trial)}
    params = {name: trial.values[name] for name in spaces if name in trial.values}
    own = {name: value for name, value in trial.values.items() if name not in spaces}
    attributes: dict[str, Any] = {"keras_tuner": {"trial_id": trial.name, **own}}
    if state == "FAIL":
        said = (trial.message or "KerasTuner gives no reason").strip()
        attributes["reason"] = said.splitlines()[-1]
        attributes["keras_tuner"]["message"] = said
    return Imported(
        state,
        None if state == "FAIL" else trial.score,
        encoding.pack_params(params, spaces),
        trial.epochs(metric),
        attributes,
        trial.written_at,
        trial.written_at,
    )


def _searched(trial: TunerTrial) -> list[Mapping[str, Any]]:
    """Return the hyperparameters that were searched and took part in this trial.

    KerasTuner lists a name again for each set of conditions under which it applies.
    """
    return [
        each
        for each in trial.space
        if each["class_name"] != "Fixed"
        and not each["config"]["name"].startswith(OWN)
        and all(_holds(condition, trial.values) for condition in each["config"]["conditions"])
    ]


def _holds(condition: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    about = condition["config"]
    return values.get(about["name"]) in about["values"]


def distribution(hyperparameter: Mapping[str, Any]) -> BaseDistribution:
    """Return the distribution of a hyperparameter that KerasTuner has configured.

    What Optuna has no distribution for is given the widest one that holds it: a `reverse_log` range
    is a linear one, and a logarithmic one with a step has none.

    Raises:
        ConfigError: its class is unknown.
    """
    kind, config = hyperparameter["class_name"], hyperparameter["config"]
    if kind == "Boolean":
        return CategoricalDistribution([False, True])
    if kind == "Choice":
        return CategoricalDistribution(list(dict.fromkeys(config["values"])))
    if kind not in ("Int", "Float"):
        raise ConfigError([f"{config.get('name')}: received a {kind} of KerasTuner"])
    sampling, step = config.get("sampling") or "linear", config.get("step")
    log = sampling == "log"
    low, high = config["min_value"], config["max_value"]
    if kind == "Int":
        width = int(step) if step is not None and sampling == "linear" else 1
        return IntDistribution(low, low + (high - low) // width * width, log=log, step=width)
    if step is None or sampling != "linear":
        return FloatDistribution(low, high, log=log)
    return FloatDistribution(low, low + floor((high - low) / step + 1e-9) * step, step=step)
