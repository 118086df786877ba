"""One running trial: its parts (folds and repeats), its epochs, and the record of its end."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from studyhall.search.diagnosis import best_losses
from studyhall.search.process.stop import STOPPED
from studyhall.search.training.epoch import Epoch
from studyhall.search.training.training import Training
from studyhall.search.trial import (
    compiled_loss,
    failures,
    listening,
    modelling,
    recorders,
    result,
    time_limit,
    trainings,
)
from studyhall.search.trial.best_model import BestModel
from studyhall.search.trial.checkpoints import Checkpoints
from studyhall.search.trial.context import LOG, Context, Outcome, TrialFailed
from studyhall.search.trial.listening import Told
from studyhall.search.trial.modelling import Built
from studyhall.search.trial.out_of_fold import OutOfFold
from studyhall.search.trial.part_models import Engines, PartModels
from studyhall.search.trial.result import Ended
from studyhall.search.trial.time_limit import Stopwatch, TimeLimit, Watchdog
from studyhall.search.trial.trainings import TrialProgress, TrialTraining
from studyhall.storage.leases.orders import Order
from studyhall.storage.trials.claimed_trial import Claim


class Run:
    """The run of a claimed trial to its end, or until the worker is asked to stop.

    Args:
        context: state shared by the worker's trials.
        claim: the trial.
        models: builds the models of its parts.
        wait_s: time that the worker waited for the trial, in seconds.
    """

    def __init__(self, context: Context, claim: Claim, models: PartModels, wait_s: float) -> None:
        self.context = context
        self.claim = claim
        self.models = models
        self.file = context.plan.file
        self.parts = trainings.of_trial(len(context.plan.data.folds), self.file.training.repeats)
        self.checkpoints = Checkpoints(context, claim, self.number)
        self.best_model = BestModel(context, claim, self.number)
        self.progress = TrialProgress()
        self.attributes: dict[str, Any] = {"seed": models.seed(self.parts[0])}
        self._listeners = recorders.of(context, claim)
        self._stopwatch = Stopwatch(wait=wait_s)
        self._trainings: list[Training] = []

    @property
    def number(self) -> int:
        """The trial's number as shown to users."""
        return self.claim.number

    @property
    def is_fixed(self) -> bool:
        """True if a user enqueued this configuration: it is never pruned automatically."""
        return self.claim.lease.fixed is not None

    def train(self) -> Outcome:
        """Train every part in turn; keep the last part's model if the trial is among the best.

        Raises:
            TrialFailed: the trial can't have a value.
            LeaseLost: another worker holds the trial.
        """
        self.progress, blob, carried = self.checkpoints.find()
        self.out_of_fold = OutOfFold(self.context.plan.data, carried)
        minutes = self.file.training.trial_minutes
        self.time_limit = TimeLimit(minutes, len(self.parts), self.progress.spent_s)
        for part in self.parts[self.progress.done :]:
            with Watchdog(self.context, self.claim, self.time_limit, self.number):
                run = self._begin(part, blob)
                self._trainings.append(run)
                early = self._epochs(part, run)
            if early is not None:
                return early
            assert run.best is not None  # _epochs raises if any epoch was not finite
            self.progress, blob = self.progress.with_part(run.best), None
            self._predict(part, run)
            if part is not self.parts[-1] and self._falls_behind():
                return Outcome.PRUNED
        return self._complete(run, part)

    def fail(self, reason: str, stopped: str | None = None) -> None:
        """Fail the trial with a reason; the sampler sees it as infeasible."""
        self.attributes["reason"] = reason
        if stopped is not None:
            self.attributes["stopped"] = stopped
        self._tell("FAIL", None)

    def give_up(self, reason: str) -> None:
        """End the trial as pruned without a value, because the user's function raised it."""
        self.attributes |= {"reason": reason, "stopped": "by the builder"}
        self._tell("PRUNED", None)

    def _begin(self, part: TrialTraining, blob: bytes | None) -> Training:
        """Build the model of a part, and restore its training from the checkpoint, if any."""
        with self._stopwatch.time("build"):
            built = self.models.build(part)
            self.attributes |= {"values": dict(built.values), **built.size}
        with self._stopwatch.time("store"):
            self.context.store.write_params(self.claim)
        told = listening.past(self.claim.history, *self._sizes)
        self._listeners.begin(self.claim.frozen.params, told)
        self._engine = self.models.engine(part.fold, built.form)
        run = self._training(part, built)
        self.attributes |= compiled_loss.about(built, run)
        if blob is not None and not self.checkpoints.restore(run, blob):
            run = self._training(part, built)
        return run

    def _training(self, part: TrialTraining, built: Built) -> Training:
        settings = modelling.settings(self.context.plan, built, self.models.seed(part))
        with failures.of_training(own_model=self.context.plan.builder is not None):
            training = self._engine.training(built.model, settings)
        if training.copy_differs is not None:
            self.attributes["copy_differs"] = training.copy_differs
        return training

    def _epochs(self, part: TrialTraining, run: Training) -> Outcome | None:
        """Train one part; return an outcome if the trial ends early."""
        # Epochs after the checkpoint are trained again, but not reported twice.
        known = [row["epoch"] for row in self.claim.history if row["fold"] == part.number]
        for epoch in self._trained(run, max(known, default=0)):
            if not math.isfinite(epoch.value):
                raise TrialFailed(failures.of_divergence(epoch, run.best, self.context.plan.sign))
            self.time_limit.count_epoch()
            order = self._report(part, epoch)
            if order is Order.PRUNE:
                return self._pruned(run)
            if self._must_leave(order):
                return self._hand_back(part, run)
            if self.checkpoints.is_due(self._step(part, epoch)):
                self._save(part, run)
            # One call may train several epochs: all are reported before the part ends.
            if self.time_limit.is_over(part.number) and not run.ahead and run.stopped is None:
                self.attributes["stopped"] = time_limit.STOPPED
                return None
        self.attributes["stopped"] = run.stopped
        return None

    def _trained(self, run: Training, after: int) -> Iterator[Epoch]:
        """Yield the epochs to come, after checking that each measures every objective."""
        with failures.of_training(own_model=self.context.plan.builder is not None):
            for epoch in run.epochs(after):
                result.check_objectives(self.context.plan.objectives, epoch.metrics)
                yield epoch

    def _report(self, part: TrialTraining, epoch: Epoch) -> Order:
        """Record an epoch; return the order of a user or of the pruner that follows it."""
        step = self._step(part, epoch)
        value = self.progress.running(epoch.value)
        with self._stopwatch.time("store"):
            order = self.context.store.report(
                self.claim,
                epoch.number,
                value,
                epoch.metrics,
                fold=part.number,
                step=step,
                seconds=epoch.seconds,
            )
            fell_behind = self.context.store.should_prune(self.claim, step)
            name = listening.named(part.number, *self._sizes)
            self._listeners.epoch(Told(name, epoch.number, epoch.metrics))
        if order is Order.PRUNE:
            self.attributes["stopped"] = "by hand"
        return Order.PRUNE if fell_behind and not self.is_fixed else order

    def _must_leave(self, order: Order) -> bool:
        if order is Order.STOP:
            LOG.info("the study was stopped: trial %d is handed back", self.number)
            self.context.stop.ask(STOPPED)
        elif order is Order.TIME_UP:
            self.context.stop.ask()
        return self.context.stop.asked

    def _step(self, part: TrialTraining, epoch: Epoch) -> int:
        """Return Optuna's step of an epoch: epochs are numbered on from part to part."""
        return self.checkpoints.step(part.number, epoch.number)

    def _save(self, part: TrialTraining, run: Training) -> None:
        # The time spent goes into the checkpoint: the limit holds across workers.
        spent = replace(self.progress, spent_s=self.time_limit.spent_s)
        self.checkpoints.save(spent, part.number, run, self.out_of_fold.to_bytes())

    def _predict(self, part: TrialTraining, run: Training) -> None:
        """Collect the predictions of a part's model for its fold's validation set."""
        if self.out_of_fold.wanted:
            with self._stopwatch.time("validate"):
                self.out_of_fold.add(part, self._engine.validated(run.best_model()))

    def _falls_behind(self) -> bool:
        """Prune the trial if its parts so far are worse than those of the best trial."""
        if self.is_fixed or not self.context.store.should_prune_part(self.progress.values):
            return False
        self._tell("PRUNED", self.progress.value)
        return True

    def _hand_back(self, part: TrialTraining, run: Training) -> Outcome:
        self._save(part, run)
        self.context.store.release(self.claim)
        return Outcome.HANDED_BACK

    def _pruned(self, run: Training) -> Outcome:
        assert run.best is not None
        self._tell("PRUNED", self.progress.running(run.best.value))
        return Outcome.PRUNED

    def _complete(self, run: Training, part: TrialTraining) -> Outcome:
        self.attributes["metrics"] = result.metrics_at_best(self.claim, self.progress.best_epochs)
        self.attributes |= best_losses.least_losses(self.claim.history)
        self.attributes |= self.progress.described(
            len(self.context.plan.data.folds), self.context.plan.sign
        )
        with self._stopwatch.time("checkpoint"):
            self.attributes |= self.best_model.keep(
                self.progress.value, run, part, self.out_of_fold
            )
        if len(self.context.plan.objectives) > 1:
            self.attributes["objectives"] = result.objective_values(
                self.context.plan, self.progress.value, self._engine, run.model, self.attributes
            )
        self._tell("COMPLETE", self.progress.value)
        self.best_model.settle()
        return Outcome.COMPLETE

    def _tell(self, state: Ended, value: float | None) -> None:
        trained = (run.seconds for run in self._trainings)
        self.attributes["seconds"] = self._stopwatch.with_others(trained)
        parts = self.progress.values if len(self.parts) > 1 else ()
        if len(self.parts) > 1:
            self.attributes["best_epochs"] = list(self.progress.best_epochs)
        self._record(state, value, parts)
        self.checkpoints.drop()

    @property
    def _sizes(self) -> tuple[int, int]:
        """The number of folds, and of repeats."""
        return len(self.context.plan.data.folds), self.file.training.repeats

    def _record(self, state: Ended, value: float | None, parts: Sequence[float]) -> None:
        result.tell(self.context, self.claim, state, value, self.attributes, parts)
        self._listeners.end(state, None if value is None else self.context.plan.turned(value))


def of_search(context: Context, claim: Claim, engine: Engines, wait_s: float = 0.0) -> Run:
    """Return the run of a trial of the search.

    Args:
        context: state shared by the worker's trials.
        claim: the trial.
        engine: returns the engine of a fold.
        wait_s: time that the worker waited for the trial, in seconds.
    """
    return Run(context, claim, PartModels(context, claim, engine), wait_s)
