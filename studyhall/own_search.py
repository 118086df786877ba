"""Searches whose models Keras' own `fit` trains: what `studyhall.Study.search` does."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from studyhall.keras_tuner import hypermodel as hypermodels
from studyhall.keras_tuner.objective import Objective, infer_metric_direction
from studyhall.keras_tuner.oracle import Oracle
from studyhall.keras_tuner.oracle_answers import identifier
from studyhall.keras_tuner.tuner import Tuner
from studyhall.search.api import fit_arguments, same_search
from studyhall.search.scripts import alone
from studyhall.search.scripts.session import Searched
from studyhall.search.study_file.config_error import ConfigError
from studyhall.spaces.hp.hyperparameters import HyperParameters
from studyhall.storage.queries.records import TrialRecord

DIRECTIONS = {"minimize": "min", "maximize": "max"}
Tables = Mapping[str, Mapping[str, Any]]


class Wanted(Oracle):
    """The search that a `Study` asks for.

    Args:
        objective: the metric, as Keras logs it.
        trials: number of trials.
        tables: further keys of a study file.
    """

    def __init__(self, objective: Objective, trials: int, tables: Tables) -> None:
        super().__init__(objective, trials, seed=tables.get("study", {}).get("seed"))
        chosen = tables.get("search", {})
        self.sampler, self.pruner = chosen.get("sampler", "auto"), chosen.get("pruner", "auto")
        self._tables = tables

    def settings(self) -> dict[str, dict[str, Any]]:
        """Return further keys of the study file."""
        return {table: dict(keys) for table, keys in self._tables.items()}


class OwnSearch(Tuner):
    """The search of a `Study`.

    Args:
        name: the study's name.
        url: URL of the database.
        build: a function of `hp` or `trial`, or a `HyperModel`.
        wanted: what is searched.
        repeats: trainings per trial.
        workers: worker processes, where the command line does not say.
    """

    def __init__(
        self,
        name: str,
        url: str,
        build: Any,
        wanted: Wanted,
        repeats: int = 1,
        workers: int | None = None,
    ) -> None:
        super().__init__(wanted, _of_hp(build), project_name=name, executions_per_trial=repeats)
        self._url, self._workers, self._build = url, workers, build

    def search(self, *fit_args: Any, **fit_kwargs: Any) -> None:
        """Search; the arguments are those of `fit`. It returns once the budget is spent.

        Raises:
            ConfigError: `fit` has no such arguments, or the study has results of another search.
        """
        found = same_search.fingerprints(self._build, self._named(fit_args, fit_kwargs))
        same_search.check(self._url, self.project_name, found)
        call = self._call(fit_args, fit_kwargs)
        known = {same_search.KEY: found}
        self.oracle.searched = alone.search(
            replace(call, workers=self._workers, attributes=known), self._url
        )

    def _named(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of `fit` by name, checked where it is Keras' own."""
        name, space = self.project_name, self.oracle.get_space()
        if not hypermodels.fits_as_keras(self.hypermodel) or not fit_arguments.is_of_keras(
            self._build_hypermodel(space)
        ):
            return {**{str(place): each for place, each in enumerate(args)}, **kwargs}
        given = fit_arguments.named(name, args, kwargs)
        fit_arguments.check_measured(name, self.oracle.objective.name, given)
        return given

    def rebuilt(self, record: TrialRecord) -> Any:
        """Return the trained model of a trial."""
        return self.load_model(self.oracle.trials[identifier(record.number)])


def objective(study: str, name: str, direction: str | None) -> Objective:
    """Return an objective as tuners take it; its direction is known of Keras' own metrics.

    Raises:
        ConfigError: it is not known.
    """
    way = infer_metric_direction(name) if direction is None else DIRECTIONS[direction]
    if way is None:
        received = f'received "{name}", whose direction is unknown'
        expected = 'expected direction="minimize" or direction="maximize" beside it'
        raise ConfigError([f"{study}: search(): objective: {received}, {expected}"])
    return Objective(name, way)


def check_builder(study: str, build: Any) -> None:
    """Check that something builds models.

    Raises:
        ConfigError: it does not.
    """
    if callable(build) or callable(getattr(build, "build", None)):
        return
    expected = "expected a function (hp) or (trial) that returns a compiled model, or a HyperModel"
    raise ConfigError([f"{study}: search(): build: received {build!r}, {expected}"])


def search(
    name: str,
    url: str,
    build: Any,
    wanted: Wanted,
    repeats: int,
    fit: tuple[Any, Any],
    workers: int | None = None,
) -> tuple[Searched, OwnSearch]:
    """Search, and return the study with what builds the models of its trials.

    Args:
        name, url, build, wanted, repeats, workers: as for `OwnSearch`.
        fit: positional and named arguments of `fit`.
    """
    tuner = OwnSearch(name, url, build, wanted, repeats, workers)
    args, kwargs = fit
    tuner.search(*args, **kwargs)
    searched = tuner.oracle.searched
    assert searched is not None
    return searched, tuner


def _of_hp(build: Any) -> Any:
    """Return a builder as a function of `hp`, if it is one of Optuna's `trial`."""
    if not inspect.isroutine(build) or [*inspect.signature(build).parameters][:1] != ["trial"]:
        return build
    return lambda hp: build(OptunaForm(hp))


class OptunaForm:
    """Hyperparameters that are asked for as of an Optuna trial.

    Args:
        hp: the hyperparameters.
    """

    def __init__(self, hp: HyperParameters) -> None:
        self._hp = hp

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Suggest a float, as `optuna.Trial.suggest_float`."""
        return float(self._hp.Float(name, low, high, step=step, sampling=_sampling(log)))

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        """Suggest an integer, as `optuna.Trial.suggest_int`."""
        steps = None if log else step
        return int(self._hp.Int(name, low, high, step=steps, sampling=_sampling(log)))

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        """Suggest a choice, as `optuna.Trial.suggest_categorical`."""
        return self._hp.Choice(name, [*choices])


def _sampling(log: bool) -> str:
    return "log" if log else "linear"
