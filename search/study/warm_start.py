"""Warm start: trials of another study, from which the sampler learns before the first trial.

The other study's complete trials that fit the new space are copied into the new study's record, so
every worker has the same ones, even if the other study is deleted. They are used for sampling only:
they don't count in the budget or in pruning, and none of them can be the best trial.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FixedTrial, FrozenTrial, TrialState

from studyhall.search.study.fingerprints import Inspection
from studyhall.search.study_file import objectives
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.sections import StudyFile
from studyhall.spaces import hyperparameters
from studyhall.spaces.space import Space, read_space
from studyhall.storage.database import Database, encoding
from studyhall.storage.queries.optuna_reader import Reader
from studyhall.storage.sampling.feed import Finished
from studyhall.storage.sampling.window import Window
from studyhall.storage.studies import studies
from studyhall.storage.studies.adoption import FOREIGN
from studyhall.storage.studies.rows import Study

BEST, LATEST = 100, 200  # largest numbers of best and of latest trials to copy
KEY = "[search] warm_start"

Known = dict[str, Any]  # ``params`` of a trial, and its ``value`` as a cost (lower is better)


def known(db: Database, file: StudyFile, found: Inspection) -> dict[str, Any]:
    """Return the trials of a study file's `warm_start`, for the study's record; best trials first.

    Args:
        db: the database of both studies.
        file: the new study's file.
        found: the inspection of its data and code.

    Returns:
        ``study`` (its name), ``trials`` (a list of params and value) and ``distributions`` (JSON by
        name); an empty dict without `warm_start`.

    Raises:
        ConfigError: there is no such study, or its values are not comparable.
    """
    if file.search.warm_start is None:
        return {}
    other = _comparable(db, file, found)
    sign = objectives.sign(other.direction)
    space = read_space(dict(file.space), family=file.model.family)
    with closing(Reader(db)) as reader:
        theirs = reader.get_all_trials(other.study_id, deepcopy=False)
    fitting = [
        (trial, params)
        for trial in _chosen(theirs, sign)
        if (params := params_in(space, trial, file.model.family)) is not None
    ]
    spaces: dict[str, BaseDistribution] = {}
    for trial, params in fitting:
        spaces |= {name: trial.distributions[name] for name in params if name not in spaces}
        spaces |= _distributions(space, params)
    trials = [
        {"params": params, "value": sign * (trial.values or [0.0])[0]} for trial, params in fitting
    ]
    texts = {name: encoding.distribution_json(each) for name, each in spaces.items()}
    return {"study": other.name, "trials": trials, "distributions": texts}


def params_in(space: Space, trial: FrozenTrial, family: str) -> dict[str, Any] | None:
    """Return a trial's parameters in terms of another space; None if it doesn't fit.

    A trial fits if the space allows each of its values, and every value that is not in the space is
    the family's default.
    """
    values = {**trial.user_attrs.get("values", {}), **_own(trial)}
    params = space.params(values)
    try:
        given = space.values(params)
    except KeyError:
        return None
    if not all(name in values and values[name] == value for name, value in given.items()):
        return None
    ours, defaults = hyperparameters.known(family), hyperparameters.defaults(family)
    left = {name: value for name, value in values.items() if name in ours and name not in given}
    if any(defaults.get(name) != value for name, value in left.items()):
        return None
    return {**{name: value for name, value in _own(trial).items() if name not in given}, **params}


def fill(window: Window, study: Study) -> Window:
    """Add the warm-start trials of the study's record to a sampler's window."""
    record = study.config.get("warm_start") or {"trials": [], "distributions": {}}
    spaces = {name: encoding.distribution(text) for name, text in record["distributions"].items()}
    for place, trial in enumerate(record["trials"], start=1):
        window.add(_finished(-place, trial, spaces))
    return window


def _comparable(db: Database, file: StudyFile, found: Inspection) -> Study:
    """Return the study that the file names, provided that its values are comparable."""
    name = file.search.warm_start or ""
    other = studies.find(db, name)
    if other is None:
        known = ", ".join(studies.names(db))
        expected = f"one of {known}" if known else "a study of this database, which has none"
        raise ConfigError([f'{KEY}: received "{name}", expected {expected}'])
    differing = [*_differing(other, file, found)]
    if differing:
        what = " and ".join(differing)
        raise ConfigError([f'{KEY}: received "{name}", expected a study with the same {what}'])
    return other


def _differing(other: Study, file: StudyFile, found: Inspection) -> Sequence[str]:
    theirs, named = other.config["file"], objectives.of_file(dict(file.study))
    if FOREIGN in other.config:  # nothing else is known of it: the user answers for data and code
        differs = {
            "[study] objective": objectives.of_file(theirs["study"])[0] != named[0],
            "[study] direction": other.direction != objectives.directions(dict(file.study))[0],
        }
        return [name for name, differing in differs.items() if differing]
    pairs = {
        "data": (other.config["inspection"]["data"], found.data),
        "code": (other.config["inspection"]["code"], found.code),
        "[model] family": (theirs["model"]["family"], file.model.family),
        "[study] objective": (objectives.of_file(theirs["study"])[:1], named[:1]),
        "[training] loss": (theirs["training"]["loss"], file.training.loss),
    }
    return [name for name, (old, new) in pairs.items() if old != new]


def _chosen(trials: Sequence[FrozenTrial], sign: float) -> list[FrozenTrial]:
    """Return the best complete trials, best first, followed by the latest of the others."""
    complete = [t for t in trials if t.state == TrialState.COMPLETE and t.values]
    ranked = sorted(complete, key=lambda trial: (sign * (trial.values or [0.0])[0], trial.number))
    latest = sorted(ranked[BEST:], key=lambda trial: trial.number)[-LATEST:]
    return [*ranked[:BEST], *latest]


def _own(trial: FrozenTrial) -> dict[str, Any]:
    """Return the parameters that the user's own function asked for."""
    values = trial.user_attrs.get("values", {})
    layered = {f"{name}_{n}" for name, v in values.items() if isinstance(v, list)
               for n in range(1, len(v) + 1)}  # fmt: skip
    return {
        name: value
        for name, value in trial.params.items()
        if name not in values and name not in layered
    }


def _distributions(space: Space, params: Mapping[str, Any]) -> dict[str, BaseDistribution]:
    """Return the distributions of the new space: Optuna's samplers need the same in all trials."""
    trial = FixedTrial(dict(params))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        space.suggest(trial)
    return dict(trial.distributions)


def _finished(number: int, trial: Known, spaces: Mapping[str, BaseDistribution]) -> Finished:
    """Return the trial in the feed's form; its negative number can't clash with the study's own."""
    params, distributions = encoding.pack_params(trial["params"], spaces)
    return Finished(
        sequence=0,
        trial_id=number,
        number=number,
        state="COMPLETE",
        value=trial["value"],
        last_step=None,
        last_value=None,
        params=params,
        distributions=distributions,
        attributes="{}",
        reports=None,
    )
