"""One running trial: its parts (folds and repeats), its epochs, and the record of its end."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

from studyhall.search.diagnosis import best_losses
from studyhall.search.training.epoch import Epoch
from studyhall.search.training.training import Training
from studyhall.search.trial import (
    compiled_loss,
    failures,
    modelling,
    result,
    time_limit,
    trainings,
)
from studyhall.search.trial.best_model import BestModel
from studyhall.search.trial.context import Outcome, SearchContext, TrialFailed
from studyhall.search.trial.modelling import Built
from studyhall.search.trial.out_of_fold import OutOfFold
from studyhall.search.trial.part_models import Engines, PartModels
from studyhall.search.trial.time_limit import TimeLimit, Watchdog
from studyhall.search.trial.trainings import TrialTraining
from studyhall.search.trial.under_way import TrialUnderWay
from studyhall.storage.leases.orders import Order
from studyhall.storage.trials.claimed_trial import Claim


class Run(TrialUnderWay):
    """The run of a claimed trial to its end, or until the worker is asked to stop.

    Args:
        context: state shared by the worker's trials.
        claim: the trial.
        models: builds the models of its parts.
        wait_s: time that the worker waited for the trial, in seconds.
    """

    def __init__(
        self, context: SearchContext, claim: Claim, models: PartModels, wait_s: float
    ) -> None:
        super().__init__(context, claim, wait_s)
        self.plan = context.plan
        self.models = models
        self.file = context.plan.file
        self.parts = trainings.of_trial(len(context.plan.data.folds), self.file.training.repeats)
        self.best_model = BestModel(context, claim, self.number)
        self.attributes["seed"] = models.seed(self.parts[0])
        self._trainings: list[Training] = []

    def train(self) -> Outcome:
        """Train every part in turn; keep the last part's model if the trial is among the best.

        Raises:
            TrialFailed: the trial can't have a value.
            LeaseLost: another worker holds the trial.
        """
        self.progress, blob, carried = self.checkpoints.find()
        self.out_of_fold = OutOfFold(self.plan.data, carried)
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

    def _begin(self, part: TrialTraining, blob: bytes | None) -> Training:
        """Build the model of a part, and restore its training from the checkpoint, if any."""
        with self._stopwatch.time("build"):
            built = self.models.build(part)
            self.attributes |= {"values": dict(built.values), **built.size}
        with self._stopwatch.time("store"):
            self.context.store.write_params(self.claim)
        self._tell_listeners()
        self._form, self._engine = built.form, self.models.engine(part.fold, built.form)
        run = self._training(part, built)
        self.attributes |= compiled_loss.about(built, run)
        if blob is not None and not self.checkpoints.restore(run, blob):
            # Of another model: the attempt to restore has changed this one.
            run = self._training(part, self.models.build(part))
        return run

    def _training(self, part: TrialTraining, built: Built) -> Training:
        settings = modelling.settings(self.plan, built, self.models.seed(part))
        with failures.of_training(own_code=self.plan.runs_own_code):
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
                raise TrialFailed(failures.of_divergence(epoch, run.best, self.plan.sign))
            self.time_limit.count_epoch()
            order = self._report(
                part.number, epoch.number, epoch.value, epoch.metrics, epoch.seconds
            )
            if order is Order.PRUNE:
                return self._pruned(run)
            if self._must_leave(order):
                return self._hand_back(part, run)
            if self.checkpoints.is_due(self._step(part, epoch)):
                self._save(part, run)
            # One call may train several epochs: all are reported before the part ends.
            if self.time_limit.is_over(part.number) and not run.ahead and run.stopped is None:
                self.attributes["stopped"] = time_limit.STOPPED
                run.end()
                return None
        self.attributes["stopped"] = run.stopped
        return None

    def _trained(self, run: Training, after: int) -> Iterator[Epoch]:
        """Yield the epochs to come, after checking that each measures every objective."""
        with failures.of_training(own_code=self.plan.runs_own_code):
            for epoch in run.epochs(after):
                result.check_objectives(self.plan.objectives, epoch.metrics)
                yield epoch

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
        run.end()
        self._tell("PRUNED", self.progress.running(run.best.value))
        return Outcome.PRUNED

    def _complete(self, run: Training, part: TrialTraining) -> Outcome:
        self.attributes["metrics"] = result.metrics_at_best(self.claim, self.progress.best_epochs)
        self.attributes |= best_losses.least_losses(self.claim.history)
        self.attributes |= self.progress.described(len(self.plan.data.folds), self.plan.sign)
        with self._stopwatch.time("checkpoint"):
            self.attributes |= self.best_model.keep(
                self.progress.value, run, part, self._form, self.out_of_fold
            )
        if len(self.plan.objectives) > 1:
            self.attributes["objectives"] = result.objective_values(
                self.plan, self.progress.value, self._engine, run.model, self.attributes
            )
        self._tell("COMPLETE", self.progress.value)
        self.best_model.settle()
        return Outcome.COMPLETE

    @property
    def sizes(self) -> tuple[int, int]:
        """The number of folds, and of repeats."""
        return len(self.plan.data.folds), self.file.training.repeats

    def _training_seconds(self) -> Iterator[Mapping[str, float]]:
        return (run.seconds for run in self._trainings)


def of_search(context: SearchContext, claim: Claim, engine: Engines, wait_s: float = 0.0) -> Run:
    """Return the run of a trial of the search.

    Args:
        context: state shared by the worker's trials.
        claim: the trial.
        engine: returns the engine of a fold.
        wait_s: time that the worker waited for the trial, in seconds.
    """
    return Run(context, claim, PartModels(context, claim, engine), wait_s)
