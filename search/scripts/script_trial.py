"""A trial of a script's study: the user's own function trains it and returns its value."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import TrialState

from studyhall.search.scripts import own_attributes
from studyhall.search.scripts.reporting_trial import Leave, ReportingTrial
from studyhall.search.study_file import objectives
from studyhall.search.training.epoch import Epoch
from studyhall.search.trial.context import Context, Outcome, TrialFailed
from studyhall.search.trial.result import Ended
from studyhall.search.trial.seeds import trial_seed
from studyhall.spaces import user_code
from studyhall.storage.artifacts import bucket
from studyhall.storage.leases.leases import LeaseLost
from studyhall.storage.queries import status
from studyhall.storage.studies import studies
from studyhall.storage.trials.claimed_trial import Claim

OBJECTIVES = "objectives"  # attribute: the value of each objective, if there are several
VALUES = "values"  # attribute: every hyperparameter that the script has asked for, with its value


class ScriptTrial(ReportingTrial):
    """A claimed trial whose value a function of the user's returns.

    Args:
        context: state shared by the worker's trials.
        claim: the trial.
        wait_s: time that the worker waited for the trial, in seconds.
        function: trains the trial and returns its value, or a value for each objective.
        after: called after the trial with its state and its values.

    Attributes:
        blob: the state of the training that an earlier worker has left, or None.
        is_fatal: True if the script wants its search to end with this trial's failure.
    """

    def __init__(
        self,
        context: Context,
        claim: Claim,
        wait_s: float,
        function: Callable[[ScriptTrial], Any],
        after: Callable[[ScriptTrial, str, list[float] | None], None] | None = None,
    ) -> None:
        super().__init__(context, claim, wait_s)
        self.blob: bytes | None = None
        self.is_fatal = False
        self._function, self._after = function, after
        self._model: str | None = None
        self._values: dict[str, Any] = {}

    @property
    def seed(self) -> int:
        """The seed of the training under way."""
        return trial_seed(self.context.study.seed, self.number, self.part)

    def train(self) -> Outcome:
        """Let the user's function train the trial, and record the value that it returns.

        Raises:
            UserCodeError: the function failed.
            TrialFailed: it returned no finite number, or another number of them than objectives.
            LeaseLost: another worker holds the trial.
        """
        self.start()
        try:
            with self._stopwatch.time("train"):
                values = self._numbers(user_code.call(self._function, self))
        except optuna.TrialPruned:
            if self._pruned:  # and told
                return Outcome.PRUNED
            if not self.claim.reports:
                raise
            self._tell("PRUNED", min(self.claim.reports.values()))
            return Outcome.PRUNED
        except Leave as leave:
            if leave.outcome is Outcome.LOST:
                raise LeaseLost from leave
            return leave.outcome
        self._complete(values)
        return Outcome.COMPLETE

    def start(self) -> None:
        """Take up what an earlier worker has left of the trial."""
        self.progress, self.blob, _ = self.checkpoints.find()
        self.part = self.progress.done
        self.attributes["seed"] = self.seed

    def conclude(self, state: Ended, values: object = None, reason: str = "") -> None:
        """End a trial that no function of its own trains.

        Args:
            state: its state.
            values: of a complete trial: its value, or one for each objective.
            reason: of a failed one.

        Raises:
            TrialFailed: the values are none.
            LeaseLost: another worker holds the trial.
        """
        if state == "COMPLETE":
            self._complete(self._numbers(values))
        elif state == "FAIL":
            self.fail(reason)
        else:
            self._tell("PRUNED", min(self.claim.reports.values(), default=None))

    def note(self, values: Mapping[str, Any]) -> None:
        """Record values of hyperparameters, also those that no sampler suggests.

        Raises:
            Leave: another worker holds the trial.
        """
        self._values |= {**values}
        self.attributes[VALUES] = dict(self._values)
        if self.claim.attempt > 1:  # the trial may end this worker too, so its values come first
            self._keeping_lease(lambda: self.context.store.write_params(self.claim))

    def begun(self) -> None:
        """Publish the hyperparameters for the samplers of other workers; training begins."""
        self._keeping_lease(lambda: self.context.store.write_params(self.claim))
        self._tell_listeners()

    def end_study(self) -> None:
        """Let the study end with the trials that have begun."""
        db, study = self.context.db, self.context.study
        studies.set_limits(db, study, trials=status.status(db, study).used)

    def part_ended(self, best: Epoch) -> None:
        """Take note that the training under way has ended, with its best epoch."""
        self.progress = self.progress.with_part(best)
        self.part, self.blob = self.progress.done, None

    def keep_model(
        self,
        cost: float,
        write: Callable[[Path], None],
        ending: str,
        of_model: float | None = None,
    ) -> None:
        """Keep a trained model, if the trial is among the best so far.

        Args:
            cost: the trial's value, the lower the better.
            write: writes the model to a path.
            ending: of the file's name.
            of_model: the model's own value, the lower the better; default: the trial's.
        """
        keeper, objects = self.context.keeper, self.context.artifacts
        if not keeper.wants(cost, self.number):
            return
        name = objects.new_name("model", self.context.owner(self.number), ending)

        def saved() -> str:
            write(objects.path(name))
            return bucket.shared(objects, name)

        with self._stopwatch.time("checkpoint"):
            self._model = keeper.saved(saved)
            self.attributes |= {
                "model": self._model,
                "model_sha256": objects.sha256(self._model),
                "model_value": self.context.plan.turned(cost if of_model is None else of_model),
            }

    def _record(self, state: Ended, value: float | None, parts: Sequence[float]) -> None:
        values = self._values_of(value)
        self._tell_sampler(state, values)
        self.attributes |= own_attributes.recorded(self.claim.frozen.user_attrs, self.attributes)
        super()._record(state, value, parts)
        if self._after is not None:
            user_code.call(self._after, self, state, values)

    def _values_of(self, cost: float | None) -> list[float] | None:
        """Return the values of all objectives; None without a result."""
        if cost is None:
            return None
        known = [*self.attributes.get(OBJECTIVES, {}).values()]
        return [self.context.plan.turned(cost), *known[1:]]

    def _tell_sampler(self, state: Ended, values: Sequence[float] | None) -> None:
        """Let the sampler note what it wants to know of the trial, such as its constraints."""
        if state == "FAIL":
            return
        signs = map(objectives.sign, self.context.plan.directions)
        costs = None if values is None else [s * v for s, v in zip(signs, values, strict=False)]
        study, frozen = self.claim.trial.study, self.claim.frozen
        user_code.call(study.sampler.after_trial, study, frozen, TrialState[state], costs)

    def _numbers(self, values: Any) -> list[float]:
        """Return the value of each objective.

        Raises:
            TrialFailed: the values are none.
        """
        count = len(self.context.plan.objectives)
        if count == 1 and not isinstance(values, list | tuple):
            return [self._number(values)]
        if not isinstance(values, list | tuple) or len(values) != count:
            received = f"received {values!r} of type {type(values).__name__}"
            expected = "a number" if count == 1 else f"{count} numbers, one per objective"
            raise TrialFailed(f"{received}, expected {expected}")
        return [self._number(each) for each in values]

    def _number(self, value: object) -> float:
        try:
            number = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            received = f"received {value!r} of type {type(value).__name__}"
            raise TrialFailed(f"{received}, expected a number") from None
        if not math.isfinite(number):
            raise TrialFailed(f"received {number}, expected a finite number")
        return number

    def _complete(self, values: Sequence[float]) -> None:
        cost = self.context.plan.turned(values[0])
        if len(values) > 1:
            names = self.context.plan.objectives
            self.attributes[OBJECTIVES] = dict(zip(names, values, strict=True))
        if self.progress.done and self.progress.done == self.part_count:
            self.attributes |= self.progress.described(1, self.context.plan.sign)
        else:
            self.progress = replace(self.progress, values=(cost,), best_epochs=())
        self._tell("COMPLETE", cost)
        if self._model is not None:
            self.context.keeper.tidy()
