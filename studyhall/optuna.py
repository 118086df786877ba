"""Optuna's interface on studyhall's studies: ``from studyhall import optuna``.

`create_study` and `Study.optimize` are those of Optuna, but for what studyhall adds: the budget is
exact over all processes, and a process that is killed loses no finished trial. Everything else is
Optuna's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import optuna
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.engine import make_url

from studyhall.search.scripts import alone, own_pruner, own_sampler, session
from studyhall.search.scripts.call import Call
from studyhall.search.scripts.script_trial import ScriptTrial
from studyhall.search.scripts.session import Searched
from studyhall.search.study_file import objectives
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.database import setup

TrialPruned = optuna.TrialPruned
MOST_TRIALS = 1_000_000  # where a script sets no number but a time
SECONDS_PER_HOUR = 3600.0

_unnamed: list[Study] = []


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
        storage: URL of the database; default: $STUDYHALL_STORAGE, else sqlite:///studyhall.db.
        sampler: suggests hyperparameters; its random numbers are seeded for each trial.
        pruner: decides what `trial.should_prune` answers.
        study_name: default: the script's name.
        direction: "minimize" or "maximize".
        load_if_exists: kept for scripts that give it.
        directions: of several objectives, which are not supported.

    Raises:
        ConfigError: there are several objectives.
    """
    if directions is not None and len(directions) > 1:
        received = f"received {len(directions)} directions"
        raise ConfigError([f"create_study(directions=…): {received}, expected one objective"])
    chosen = direction if directions is None else directions[0]
    return Study(study_name, storage, sampler, pruner, _direction(chosen))


def load_study(
    *,
    study_name: str | None = None,
    storage: Any = None,
    sampler: BaseSampler | None = None,
    pruner: BasePruner | None = None,
) -> Any:
    """Return a study that this script optimises, by its name; another one as Optuna has it."""
    for known in _unnamed:
        if study_name in (None, known.study_name):
            return known
    return _LOAD(study_name=study_name, storage=storage, sampler=sampler, pruner=pruner)


_LOAD = optuna.load_study


class Study:
    """A study of a script; once it has been optimised, everything that `optuna.Study` answers.

    Args:
        name: its name, or None for the script's.
        storage: URL of its database, an Optuna storage with a URL, or None.
        sampler, pruner: Optuna's, or None.
        direction: "minimize" or "maximize".
        further: more keys of a study file, by table.
    """

    def __init__(
        self,
        name: str | None,
        storage: Any,
        sampler: BaseSampler | None,
        pruner: BasePruner | None,
        direction: str,
        further: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.study_name = name or _free_name()
        self.sampler, self.pruner = sampler, pruner
        self._url, self._direction = _url(storage), direction
        self._further = further or {}
        self._queue: list[dict[str, Any]] = []
        self._attributes: dict[str, Any] = {}
        self._trials = 0
        self._searched: Searched | None = None
        self._stops = False
        _unnamed.append(self)

    def optimize(
        self,
        func: Callable[[Any], float],
        n_trials: int | None = None,
        timeout: float | None = None,
        n_jobs: int = 1,
        catch: Iterable[type[Exception]] | type[Exception] = (),
        callbacks: Iterable[Callable[[Any, FrozenTrial], None]] | None = None,
        gc_after_trial: bool = False,
        show_progress_bar: bool = False,
    ) -> None:
        """Run trials until there are `n_trials` more, in all processes of the script together.

        Args:
            func: the objective: trains a trial and returns its value.
            n_trials: number of trials; None for as many as `timeout` allows.
            timeout: limit of the time during which any worker is active, in seconds.
            n_jobs: number of worker processes of `studyhall run`, where it is not told another.
            catch: kept for scripts that give it: a trial that fails never ends the search alone.
            callbacks: called in the worker after each trial with the study and the trial.
            gc_after_trial, show_progress_bar: kept for scripts that give them.
        """
        self._trials += MOST_TRIALS if n_trials is None else n_trials
        after = [*(callbacks or ())]
        seed = own_sampler.seed(self.sampler) or 0
        self._searched = alone.search(
            Call(
                name=self.study_name,
                run=lambda trial: self._run(func, trial),
                trials=self._trials,
                direction=self._direction,
                seed=seed,
                sampler=own_sampler.name(self.sampler),
                pruner=own_pruner.name(self.pruner),
                sampler_of=own_sampler.factory(self.sampler, seed),
                pruner_of=lambda: own_pruner.made(self.pruner, self.study_name),
                ended=self._after(after) if after else None,
                workers=None if n_jobs in (-1, 1) else n_jobs,
                queue=self._queue,
                fresh=self._url is None,  # Optuna would keep it in memory
                hours=None if timeout is None else timeout / SECONDS_PER_HOUR,
                further=self._further,
            ),
            self._url,
        )

    def enqueue_trial(
        self,
        params: Mapping[str, Any],
        user_attrs: Mapping[str, Any] | None = None,
        skip_if_exists: bool = False,
    ) -> None:
        """Run a trial with these hyperparameters before any that the sampler suggests.

        Raises:
            RuntimeError: the study is being optimised or has been.
        """
        if self._searched is not None:
            raise RuntimeError("enqueue_trial: call it before optimize()")
        if not (skip_if_exists and dict(params) in self._queue):
            self._queue.append(dict(params))

    def set_user_attr(self, key: str, value: Any) -> None:
        """Set an attribute of the study; it is in the database once the study is."""
        self._attributes[key] = value
        if self._searched is not None:
            self._optuna().set_user_attr(key, value)

    @property
    def user_attrs(self) -> dict[str, Any]:
        """The attributes that this script has set."""
        return dict(self._attributes)

    @property
    def direction(self) -> optuna.study.StudyDirection:
        """The direction of the objective."""
        return optuna.study.StudyDirection[self._direction.upper()]

    @property
    def directions(self) -> list[optuna.study.StudyDirection]:
        """The direction of the objective, in a list."""
        return [self.direction]

    @property
    def trials(self) -> list[FrozenTrial]:
        """All trials; empty before the study is optimised."""
        return [] if self._searched is None else self._optuna().trials

    def stop(self) -> None:
        """End the search after the trials under way; for callbacks and objectives."""
        self._stops = True

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._optuna(), name)

    def _optuna(self) -> optuna.Study:
        """Return the study as Optuna reads it.

        Raises:
            ValueError: it has not been optimised yet.
        """
        if self._searched is None:
            raise ValueError("No trials are completed yet.")
        storage = setup.reading_storage(make_url(self._searched.url))
        study: optuna.Study = _LOAD(study_name=self._searched.study.name, storage=storage)
        return study

    def _run(self, func: Callable[[Any], float], under_way: ScriptTrial) -> float:
        """Run one trial, in a worker, which has Keras."""
        from keras.utils import set_random_seed

        from studyhall.search.scripts import model_files
        from studyhall.search.scripts.fits import Fits

        set_random_seed(under_way.seed)
        fits = Fits(under_way)
        with fits.followed():
            value = func(Trial(under_way, self))
        if fits.last is not None and isinstance(value, int | float):
            cost = under_way.context.plan.turned(float(value))
            model_files.keep(under_way, fits.last.model, cost)
        return value

    def _after(
        self, callbacks: Sequence[Callable[[Any, FrozenTrial], None]]
    ) -> Callable[[ScriptTrial, str, float | None], None]:
        def call(under_way: ScriptTrial, state: str, value: float | None) -> None:
            frozen = under_way.claim.trial._get_latest_trial()
            ended = optuna.trial.create_trial(
                state=TrialState[state],
                value=value,
                params=frozen.params,
                distributions=frozen.distributions,
                user_attrs=frozen.user_attrs,
                intermediate_values=frozen.intermediate_values,
            )
            ended.number = under_way.number
            for each in callbacks:
                each(self, ended)
            if self._stops:
                under_way.end_study()

        return call


class Trial:
    """A trial as `optuna.Trial`, whose reports also go to the database and to the pruner.

    Args:
        under_way: the trial that a worker holds.
        study: the study.

    Attributes:
        under_way: the trial that a worker holds.
    """

    def __init__(self, under_way: ScriptTrial, study: Study) -> None:
        self.study = study
        self.under_way = under_way
        self._trial = under_way.claim.trial

    @property
    def number(self) -> int:
        """The trial's number, from 0."""
        return self.under_way.number

    def report(self, value: float, step: int) -> None:
        """Report an intermediate value; the trial may be handed back here.

        Args:
            value: the value.
            step: from 0.
        """
        number = float(value)
        self._trial.report(number, step)
        self.under_way.report_step(step, number)

    def callback(self, monitor: str = "val_loss") -> Any:
        """Return a callback for Keras' `fit`; see `studyhall.callback`."""
        return callback(self, monitor)

    def should_prune(self) -> bool:
        """Return True if the trial should end with its last report."""
        return self.under_way.falls_behind

    def suggest_float(self, name: str, *args: Any, **kwargs: Any) -> float:
        """Suggest a float, as `optuna.Trial.suggest_float`."""
        return float(self._noted(name, self._trial.suggest_float(name, *args, **kwargs)))

    def suggest_int(self, name: str, *args: Any, **kwargs: Any) -> int:
        """Suggest an integer, as `optuna.Trial.suggest_int`."""
        return int(self._noted(name, self._trial.suggest_int(name, *args, **kwargs)))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Suggest a choice, as `optuna.Trial.suggest_categorical`."""
        return self._noted(name, self._trial.suggest_categorical(name, choices))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("suggest_"):  # the older ones
            suggest = getattr(self._trial, name)
            return lambda of, *args, **kwargs: self._noted(of, suggest(of, *args, **kwargs))
        return getattr(self._trial, name)

    def _noted(self, name: str, value: Any) -> Any:
        self.under_way.note({name: value})
        return value


def callback(trial: Any, monitor: str = "val_loss") -> Any:
    """Return a callback that lets Keras' `fit` follow a trial of `Study.optimize`.

    It reports each epoch, prunes the trial that falls behind, saves checkpoints, and goes on from
    one that an interrupted or killed process has left. `fit` of a trial is followed without it
    too, but then its epochs neither rank nor prune the trial.

    >>> model.fit(x, y, validation_data=..., callbacks=[studyhall.callback(trial)])

    Args:
        trial: the trial that the objective was called with.
        monitor: the metric's name in Keras' logs; the study's direction says what is better.

    Returns:
        A `keras.callbacks.Callback`. It raises `optuna.TrialPruned`, which the objective passes
        on, and ValueError if no epoch has measured the metric.

    Raises:
        ConfigError: the trial is none of studyhall's.
    """
    if not isinstance(trial, Trial):
        kind = f"{type(trial).__module__}.{type(trial).__name__}"
        expected = "expected the trial that Study.optimize() calls the objective with"
        raise ConfigError([f"callback: received a {kind}, {expected}"])
    from studyhall.search.scripts.monitored import Monitored

    return Monitored(trial.under_way, monitor)


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


def _free_name() -> str:
    """Return the script's name; with a number for its second study without a name, and so on."""
    name, taken = session.script_name(), {each.study_name for each in _unnamed}
    further = (f"{name}-{count}" for count in range(2, len(taken) + 3))
    return name if name not in taken else next(each for each in further if each not in taken)


def install() -> None:
    """Let Optuna's own names answer with ours, for a script that is run unchanged."""
    for module in (optuna, optuna.study):
        vars(module).update(create_study=create_study, load_study=load_study)
