"""The objective: runs one claimed trial after another, and tells failed trials from bugs.

A trial's value is the validation loss of its best epoch, without penalties; with k folds it is the
mean over the folds.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import optuna

from studyhall.search.process import device_memory, recycling, wire
from studyhall.search.training.engine import Engine
from studyhall.search.training.settings import UnknownMetric
from studyhall.search.trial import failures, forms
from studyhall.search.trial.context import LOG, Context, Outcome, SearchContext, TrialFailed
from studyhall.search.trial.forms import Form
from studyhall.search.trial.run import Run, of_search
from studyhall.search.trial.under_way import TrialUnderWay
from studyhall.spaces.failures import ArchitectureError, UserCodeError
from studyhall.storage.database.urls import StorageAway, StorageError
from studyhall.storage.leases.leases import LeaseLost
from studyhall.storage.trials import control
from studyhall.storage.trials.claimed_trial import Claim
from studyhall.storage.trials.results import OUT_OF_MEMORY

# Errors that make one trial fail; any other error is a bug and ends the worker.
FAILURES: failures.Errors = (
    UserCodeError,
    TrialFailed,
    UnknownMetric,
    ArchitectureError,
    *failures.REFUSED,
)


class TrialRunner:
    """The runner of claimed trials, whatever trains them.

    Args:
        context: state shared by the trials.
        begin: creates the run of a claimed trial, for which the worker waited so many seconds.

    Attributes:
        last_reason: reason of the last failed trial.
    """

    def __init__(self, context: Context, begin: Callable[[Claim, float], TrialUnderWay]) -> None:
        self.context = context
        self._begin = begin
        self.last_reason = ""

    def run(self, claim: Claim, wait_s: float = 0.0) -> Outcome:
        """Run a claimed trial to its end, or hand it back when asked to stop.

        Args:
            claim: the trial.
            wait_s: time that the worker waited for the trial, in seconds.
        """
        try:
            return self._end(self._begin(claim, wait_s))
        except LeaseLost:  # another worker has it, so nothing more is written from here
            return Outcome.LOST

    def _end(self, run: TrialUnderWay) -> Outcome:
        try:
            return run.train()
        except LeaseLost:
            raise
        except optuna.TrialPruned as wish:
            run.give_up(str(wish))
            return Outcome.PRUNED
        except BaseException as error:
            if failures.is_out_of_memory(error):
                return self._out_of_memory(run, error)
            if not isinstance(error, FAILURES):
                if not isinstance(error, StorageAway):  # then it can't be given back, either
                    self._give_back(run.claim)
                raise
            self.last_reason = self._reason(error)
        run.fail(self.last_reason)
        return Outcome.FAILED

    def _out_of_memory(self, run: TrialUnderWay, error: BaseException) -> Outcome:
        """Release the trial to a fresh process; the second time, to a larger worker or fail it."""
        claim, said = run.claim, failures.of_backend(error)
        if not claim.memory_failures or self._has_larger(claim):
            LOG.warning("trial %d is retried, as it ran out of memory: %s", run.number, said)
            self.context.store.release(claim, out_of_memory=True)
            self.context.stop.ask(recycling.EXIT_CODE)
            return Outcome.HANDED_BACK
        size = wire.model_in_words(run.attributes)
        self.last_reason = f"out of memory, {claim.memory_failures + 1} times: {size}; {said}"
        run.fail(self.last_reason, OUT_OF_MEMORY)
        return Outcome.FAILED

    def _has_larger(self, claim: Claim) -> bool:
        """Tell whether a worker is alive with more memory than all that have tried the trial."""
        mine, lease = device_memory.mib(), claim.lease
        silence_s = self.context.stored.file.workers.silence
        most = max(mine, lease.too_small_mib) if mine else 0
        return control.has_larger(self.context.db, self.context.study, most, silence_s)

    def _reason(self, failure: BaseException) -> str:
        if isinstance(failure, UserCodeError):
            self._show_once(failure)
        if isinstance(failure, failures.REFUSED):
            return f"TensorFlow refused the model: {failures.of_backend(failure)}"
        return str(failure)

    def _give_back(self, claim: Claim) -> None:
        """Release a trial after a bug or an immediate stop, so that another worker continues it."""
        with contextlib.suppress(LeaseLost, StorageError):
            self.context.store.release(claim)

    def _show_once(self, failure: UserCodeError) -> None:
        """Log the traceback of the user's code, unless the last trial failed in the same way."""
        if str(failure) != self.last_reason:
            LOG.warning("%s", failure.own_traceback or failure)


class Objective(TrialRunner):
    """The runner of a search's trials; keeps prepared data and compiled models between them.

    Args:
        context: state shared by the trials.
        begin: creates the run of a claimed trial.
    """

    def __init__(self, context: SearchContext, begin: Callable[..., Run] = of_search) -> None:
        super().__init__(context, lambda claim, wait_s: begin(context, claim, self._engine, wait_s))
        self._folds, self._classes = context.plan.data.folds, context.plan.data.classes
        self._engines: dict[tuple[int, Form], Engine] = {}

    def _engine(self, fold: int, form: Form) -> Engine:
        """Return the engine of a fold's arrays, prepared once per process."""
        key = (fold, form)
        if key not in self._engines:
            self._engines = forms.without_texts(self._engines)
            self._engines[key] = forms.engine(self._folds[fold], form, len(self._classes))
        return self._engines[key]
