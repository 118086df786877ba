"""Studies as Optuna's scripts create and optimise them."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from studyhall.optuna import amounts, theirs
from studyhall.optuna.asking import Asking
from studyhall.optuna.trial import Trial
from studyhall.search.scripts import alone, own_pruner, own_sampler, session
from studyhall.search.scripts.call import Call
from studyhall.search.study_file import objectives
from studyhall.storage.queries.status import UNLIMITED

if TYPE_CHECKING:
    from studyhall.search.scripts.script_trial import ScriptTrial

LOG = logging.getLogger("studyhall")

Callback = Callable[[Any, FrozenTrial], None]
_created: list[Study] = []


class Study(Asking):
    """A study of a script; once it has been optimised, it answers as any study of Optuna's.

    Args:
        name: its name, or None for the script's.
        url: URL of its database, or None.
        sampler, pruner: Optuna's, or None.
        direction: "minimize" or "maximize"; a list for several objectives.
        further: more keys of a study file, by table.
    """

    def __init__(
        self,
        name: str | None,
        url: str | None,
        sampler: BaseSampler | None,
        pruner: BasePruner | None,
        direction: str | list[str],
        further: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        super().__init__(url, [direction] if isinstance(direction, str) else [*direction])
        self.study_name = name or _free_name()
        self.sampler: Any = sampler
        self.pruner: Any = pruner
        self._further = further or {}
        self._trials = 0
        self._stops = False
        _created.append(self)

    def optimize(
        self,
        func: Callable[[Any], Any],
        n_trials: int | None = None,
        timeout: float | None = None,
        n_jobs: int = 1,
        catch: Iterable[type[Exception]] | type[Exception] = (),
        callbacks: Iterable[Callback] | None = None,
        gc_after_trial: bool = False,
        show_progress_bar: bool = False,
    ) -> None:
        """Run trials until there are `n_trials` more, in all processes of the script together.

        In a script that is run again, it goes on: each of its searches ends with the trials that
        it would have had in one run.

        Args:
            func: the objective: trains a trial and returns its value, or one for each objective.
            n_trials: number of trials, or 0 for nothing at all; None for as many as `timeout`,
                callbacks or the sampler allow.
            timeout: limit of the time during which any worker is active, in seconds.
            n_jobs: number of worker processes of `studyhall run`, where it is not told another.
            catch: kept for scripts that give it: a trial that fails never ends the search alone.
            callbacks: called in the worker after each trial with the study and the trial.
            gc_after_trial: collect garbage after each trial.
            show_progress_bar: kept for scripts that give it: progress is always shown.

        Raises:
            ConfigError: an argument or the study can't be used, or the first trials all failed.
        """
        amounts.check_objective(func)
        wanted, hours = amounts.trials(n_trials), amounts.hours(timeout)
        if any(each is not None and each <= 0 for each in (wanted, hours)):
            return  # as in Optuna
        after = [*(callbacks or ())]
        call = self._call(
            run=lambda trial: self._run(func, trial, collects=gc_after_trial),
            trials=self._amount(UNLIMITED if wanted is None else wanted),
            after=lambda trial, state, values: self._after(after, trial),
            workers=None if n_jobs in (-1, 1) else n_jobs,
            hours=hours,
        )
        self._close_asked()
        self._place_is(alone.search(call, self._url))

    def _call(self, **more: Any) -> Call:
        """Return the next search of the study, with what the script has given it."""
        count, kept = len(self._ways), self._given
        names = objectives.values(count)
        own = {"sampler": own_sampler.refusal(self.sampler), "pruner": None}
        if count == 1:  # Optuna prunes by one objective only
            own["pruner"] = own_pruner.refusal(self.pruner)
        return Call(
            name=self.study_name,
            objective=names[0] if count == 1 else names,
            direction=self._ways[0] if count == 1 else self._ways,
            seed=own_sampler.seed(self.sampler) or 0,
            sampler=own_sampler.name(self.sampler, count),
            pruner=own_pruner.name(self.pruner) if count == 1 else "none",
            sampler_of=own_sampler.factory(self.sampler, count),
            pruner_of=self._own_pruner if count == 1 else None,
            queue=kept.queue,
            ended=kept.ended,
            attributes=kept.attributes,
            metric_names=kept.metric_names,
            # Optuna would keep it in memory: another run of the script begins anew.
            fresh=self._url is None and self._searched is None,
            further=self._further,
            adds=self._searches > 0 or more.get("asks", False),
            refused={key: said for key, said in own.items() if said is not None},
            **more,
        )

    def _own_pruner(self) -> Any:
        return own_pruner.made(self.pruner, self.study_name, self._ways[0])

    def _amount(self, amount: int) -> int:
        """Return the number of trials of the next search: a grid ends with its last point."""
        most = own_sampler.most_trials(self.sampler)
        if most is not None:
            amount = min(amount, max(1, most + len(self._given.queue) - self._trials))
        self._trials += amount
        return amount

    def _run(self, func: Callable[[Any], Any], under_way: ScriptTrial, *, collects: bool) -> Any:
        """Run one trial, in a worker, which has Keras."""
        from keras.utils import set_random_seed

        from studyhall.search.scripts import model_files
        from studyhall.search.scripts.fits import Fits

        set_random_seed(under_way.seed)
        self._begin(under_way)
        fits = Fits(under_way)
        with fits.followed():
            values = func(Trial(under_way, self))
        first = values[0] if isinstance(values, list | tuple) and values else values
        if fits.last is not None and isinstance(first, int | float):
            cost = under_way.context.plan.turned(float(first))
            model_files.keep(under_way, fits.last.model, cost)
        if collects:
            gc.collect()
        return values

    def _after(self, callbacks: Iterable[Callback], under_way: ScriptTrial) -> None:
        """Call the script's callbacks after a trial, and end the study if the script wants it."""
        ended = self._optuna()._storage.get_trial(under_way.claim.lease.trial_id)
        for each in callbacks:
            try:
                each(self, ended)
            except Exception:  # the trial has ended, whatever they do
                LOG.exception("a callback of study.optimize has failed:")
        self._runs = False
        if self._stops:
            self._stops = False
            under_way.end_study()

    def stop(self) -> None:
        """End the search after the trials under way; for callbacks and objectives.

        Raises:
            RuntimeError: no trial is under way.
        """
        if not self._runs:
            raise RuntimeError("study.stop is for objectives and callbacks of study.optimize")
        self._stops = True


def __getattr__(name: str) -> Any:
    return theirs.found("optuna.study", name)


def _free_name() -> str:
    """Return the script's name; with a number for its second study without a name, and so on."""
    name, taken = session.script_name(), {each.study_name for each in _created}
    further = (f"{name}-{count}" for count in range(2, len(taken) + 3))
    return name if name not in taken else next(each for each in further if each not in taken)
