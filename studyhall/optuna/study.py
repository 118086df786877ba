"""Studies as Optuna's scripts create and optimise them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import optuna
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.engine import make_url

from studyhall.optuna.trial import Trial
from studyhall.search.scripts import alone, own_pruner, own_sampler, session
from studyhall.search.scripts.call import Call
from studyhall.search.scripts.session import Searched
from studyhall.search.study_file import objectives
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.database import setup

if TYPE_CHECKING:
    from studyhall.search.scripts.script_trial import ScriptTrial

LOG = logging.getLogger("studyhall")
MOST_TRIALS = 1_000_000  # where a script sets no number but a time
SECONDS_PER_HOUR = 3600.0
_LOAD = optuna.load_study  # Optuna's own, which a script that is run no longer finds there

_created: list[Study] = []


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
    for known in _created:
        if study_name in (None, known.study_name):
            return known
    return _LOAD(study_name=study_name, storage=storage, sampler=sampler, pruner=pruner)


class Study(optuna.Study):
    """A study of a script; once it has been optimised, it answers as any study of Optuna's.

    It begins without the parts of `optuna.Study`, which need a study in a database; they are found
    there afterwards.

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
        self.sampler: Any = sampler
        self.pruner: Any = pruner
        self._url, self._direction = _url(storage), direction
        self._further = further or {}
        self._queue: list[dict[str, Any]] = []
        self._attributes: dict[str, Any] = {}
        self._trials = 0
        self._searched: Searched | None = None
        self._at_work: Searched | None = None
        self._stops = False
        _created.append(self)

    def optimize(
        self,
        func: Callable[[Any], Any],
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
                queue=[*self._queue],
                # Optuna would keep it in memory: another run of the script begins anew.
                fresh=self._url is None and self._searched is None,
                hours=None if timeout is None else timeout / SECONDS_PER_HOUR,
                further=self._further,
            ),
            self._url,
        )
        self._queue.clear()

    def enqueue_trial(
        self,
        params: Mapping[str, Any],
        user_attrs: Mapping[str, Any] | None = None,
        skip_if_exists: bool = False,
    ) -> None:
        """Run a trial with these hyperparameters before any that the sampler suggests."""
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
        return [] if self._place is None else self._optuna().trials

    def ask(self, *arguments: Any, **further: Any) -> Any:
        """Refuse, because trials that a script asks for have no lease and no budget.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("study.ask: expected study.optimize, or plain Optuna")

    tell = add_trial = add_trials = ask

    def stop(self) -> None:
        """End the search after the trials under way; for callbacks and objectives."""
        self._stops = True

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("_searched", "_at_work"):
            raise AttributeError(name)
        return getattr(self._optuna(), name)

    def __getstate__(self) -> dict[str, Any]:
        return dict(vars(self))

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)

    def _optuna(self) -> optuna.Study:
        """Return the study as Optuna reads it.

        Raises:
            ValueError: it has not been optimised yet.
        """
        if self._place is None:
            raise ValueError("No trials are completed yet.")
        storage = setup.reading_storage(make_url(self._place.url))
        study: optuna.Study = _LOAD(study_name=self._place.study.name, storage=storage)
        return study

    @property
    def _place(self) -> Searched | None:
        """The study's place: known once it has been optimised, and in a worker's trials."""
        return self._searched or self._at_work

    def _run(self, func: Callable[[Any], Any], under_way: ScriptTrial) -> float:
        """Run one trial, in a worker, which has Keras."""
        from keras.utils import set_random_seed

        from studyhall.search.scripts import model_files
        from studyhall.search.scripts.fits import Fits

        set_random_seed(under_way.seed)
        context = under_way.context
        url = context.db.url.render_as_string(hide_password=False)
        self._at_work = Searched(url, context.study)
        fits = Fits(under_way)
        with fits.followed():
            value: float = func(Trial(under_way, self))
        if fits.last is not None and isinstance(value, int | float):
            cost = under_way.context.plan.turned(float(value))
            model_files.keep(under_way, fits.last.model, cost)
        return value

    def _after(
        self, callbacks: Sequence[Callable[[Any, FrozenTrial], None]]
    ) -> Callable[[ScriptTrial, str, float | None], None]:
        def call(under_way: ScriptTrial, state: str, value: float | None) -> None:
            frozen = under_way.claim.frozen
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
                try:
                    each(self, ended)
                except Exception:  # the trial has ended, whatever they do
                    LOG.exception("a callback of study.optimize has failed:")
            if self._stops:
                under_way.end_study()

        return call


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
    name, taken = session.script_name(), {each.study_name for each in _created}
    further = (f"{name}-{count}" for count in range(2, len(taken) + 3))
    return name if name not in taken else next(each for each in further if each not in taken)
