"""One trial: sampled, built, trained, reported, and told what came of it.

A trial's value is its best epoch's validation loss, of the data alone (without penalties); with k
folds it is the mean of that over the folds.
"""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from search import curves, exporting, folds, modelling, notes, training
from search.creation import Stored
from search.folds import Progress
from search.modelling import Blueprint, Built
from search.stop import Stop
from search.training import Engine, Settings, Training
from spaces.failures import ArchitectureError, UserCodeError
from storage.artifacts import ArtifactError, ArtifactStore
from storage.database import StorageError
from storage.leases import LeaseLost
from storage.studies import Study
from storage.trials import Claim, Order, TrialStore

LOG = logging.getLogger("studyhall")
OUT_OF_MEMORY = (MemoryError, tf.errors.ResourceExhaustedError)


Ended = Literal["COMPLETE", "PRUNED", "FAIL"]


class TrialFailed(Exception):  # noqa: N818  not an error of the program
    """This trial can't have a value; the message says why. The search goes on without it."""


class Outcome(Enum):
    """What became of a trial in this worker's hands."""

    COMPLETE = "complete"
    PRUNED = "pruned"
    FAILED = "failed"
    HANDED_BACK = "handed back"
    LOST = "lost"


@dataclass(frozen=True)
class Context:
    """What all trials of a worker share."""

    study: Study
    stored: Stored
    plan: Blueprint
    store: TrialStore
    artifacts: ArtifactStore
    stop: Stop


def trial_seed(study_seed: int, number: int) -> int:
    """The seed of a trial: 31 bits, a function of the study's seed and the trial's number."""
    return int(np.random.SeedSequence([study_seed, number]).generate_state(1)[0] >> 1)


class Objective:
    """Runs one trial after another; keeps data and compiled models for the next."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.last_reason = ""
        self._engines: dict[tuple[int, bool], Engine] = {}

    def run(self, claim: Claim) -> Outcome:
        """Take a claimed trial to its end, or hand it back when asked to stop."""
        began = time.perf_counter()
        run = Run(self.context, claim, self._engine)
        try:
            return run.train()
        except LeaseLost:  # another worker has it: nothing of ours is written any more
            return Outcome.LOST
        except (TrialFailed, ArchitectureError, UserCodeError) as failure:
            self.last_reason = str(failure)
        except OUT_OF_MEMORY as failure:
            self.last_reason = f"out of memory: {_first_line(failure)}"
        except tf.errors.InvalidArgumentError as failure:
            self.last_reason = f"TensorFlow refused the model: {_first_line(failure)}"
        except BaseException:  # a bug, or told twice to stop: somebody else may go on with it
            with contextlib.suppress(LeaseLost, StorageError):
                self.context.store.release(claim)
            raise
        run.fail(self.last_reason, time.perf_counter() - began)
        return Outcome.FAILED

    def _engine(self, fold: int, one_hot: bool) -> Engine:
        """The engine for a fold's arrays, prepared once per process."""
        key = (fold, one_hot)
        if key not in self._engines:
            data = self.context.plan.data
            self._engines[key] = modelling.engine(data.folds[fold], one_hot, data.outputs)
        return self._engines[key]


class Run:
    """One trial under way."""

    def __init__(
        self, context: Context, claim: Claim, engine: Callable[[int, bool], Engine]
    ) -> None:
        self.context = context
        self.claim = claim
        self.engine = engine
        self.file = context.plan.file
        self.seed = trial_seed(context.study.seed, claim.number)
        self.progress = Progress()
        self.saved_at = time.monotonic()
        self.saved_epoch = claim.reported
        self.attributes: dict[str, Any] = {"seed": self.seed}
        self.beaten: tuple[int, float] | None = None
        self.seconds: dict[str, float] = {}

    def train(self) -> Outcome:
        """Every fold in turn; the last one's model is kept if the trial is the best so far."""
        self.progress, blob = folds.read(self._checkpoint())
        for fold in range(self.progress.done, len(self.context.plan.data.folds)):
            built, run = self._begin(fold, blob)
            ended = self._fold(fold, run)
            if ended is not None:
                return ended
            assert run.best is not None  # every epoch was finite
            self.progress = self.progress.with_fold(run.best)
            self._add_seconds(run.seconds)
            blob = None
        self._keep_best(built, run, fold)
        return self._tell("COMPLETE", self.progress.value)

    @property
    def owner(self) -> str:
        """Names this trial's objects."""
        return f"{self.context.study.name}-{self.claim.number}"

    def fail(self, reason: str, seconds: float) -> None:
        """Record why the trial has no value; the sampler sees it as infeasible."""
        self.attributes |= {"reason": reason, "seconds": {"all": seconds}}
        self._end("FAIL", None)

    def _checkpoint(self) -> bytes | None:
        """What an earlier worker left of this trial; a damaged one is as good as none."""
        if self.claim.checkpoint is None:
            return None
        try:
            return self.context.artifacts.read(self.claim.checkpoint)
        except (OSError, ValueError) as error:
            LOG.warning(
                "trial %d: its checkpoint can't be used (%s): it begins again",
                self.claim.number,
                error,
            )
            return None

    def _begin(self, fold: int, blob: bytes | None) -> tuple[Built, Training]:
        """Build the fold's model and put it where the checkpoint says."""
        began = time.perf_counter()
        training.seed_everything(self.seed + fold)
        samples = len(self.context.plan.data.folds[fold].train)
        built = modelling.build(self.context.plan, self.claim.trial, samples)
        self._describe(built)
        if fold == 0:
            self.context.store.write_params(self.claim)
        run = self._training(fold, built)
        if blob is not None:
            run = self._restored(run, blob) or self._training(fold, built)
        self._add_seconds({"build": time.perf_counter() - began})
        return built, run

    def _training(self, fold: int, built: Built) -> Training:
        return self.engine(fold, built.one_hot).training(built.model, self._settings(built, fold))

    def _restored(self, run: Training, blob: bytes) -> Training | None:
        try:
            run.restore(blob)
        except training.CheckpointError as error:
            LOG.warning("trial %d: %s: it begins again", self.claim.number, error)
            return None
        return run

    def _settings(self, built: Built, fold: int) -> Settings:
        chosen = self.file.training
        return Settings(
            epochs=chosen.epochs,
            batch_size=built.batch_size,
            patience=None if chosen.patience == "none" else chosen.patience,
            min_delta=chosen.min_delta,
            seed=self.seed + fold,
            class_weight=built.class_weight,
            plateau=built.plateau,
            data_loss=built.data_loss,
            engine=chosen.engine,
            xla=chosen.xla,
        )

    def _fold(self, fold: int, run: Training) -> Outcome | None:
        """Train one fold to its end; an outcome if the trial ends with it early."""
        known = [row["epoch"] for row in self.claim.history if row["fold"] == fold]
        for epoch in run.epochs(after=max(known, default=0)):
            if not math.isfinite(epoch.value):
                raise TrialFailed(self._diverged(epoch.number, run))
            step = fold * self.file.training.epochs + epoch.number
            value = self.progress.running(epoch.value)
            order = self.context.store.report(
                self.claim, epoch.number, value, epoch.metrics, fold=fold, step=step
            )
            if order is Order.PRUNE or self.context.store.should_prune(self.claim, step):
                self._add_seconds(run.seconds)
                return self._tell("PRUNED", self._best_so_far(run))
            if self._must_leave(order):
                self._save(fold, run)
                self.context.store.release(self.claim)
                return Outcome.HANDED_BACK
            if self._save_is_due(epoch.number):
                self._save(fold, run)
        self.attributes["stopped"] = run.stopped
        return None

    def _must_leave(self, order: Order) -> bool:
        if order in (Order.STOP, Order.TIME_UP):
            self.context.stop.ask()
        return self.context.stop.asked

    def _save_is_due(self, epoch: int) -> bool:
        """The rarer of both spacings holds."""
        spacing = self.file.training
        return (
            epoch - self.saved_epoch >= spacing.checkpoint_every_epochs
            and time.monotonic() - self.saved_at >= spacing.checkpoint_every_s
        )

    def _save(self, fold: int, run: Training) -> None:
        """A new object, then the pointer, then the old object goes: no kill in between loses one."""
        blob = folds.write(self.progress, run.save())
        self.saved_at, self.saved_epoch = time.monotonic(), run.history[-1].number
        try:
            pointer = self.context.artifacts.write("checkpoint", self.owner, blob)
        except ArtifactError as error:  # a full disk: the older checkpoint still stands
            LOG.warning("trial %d: no checkpoint: %s", self.claim.number, error)
            return
        old = self.context.store.checkpoint(self.claim, pointer, self.saved_epoch, fold)
        self.context.artifacts.remove(old)

    def _diverged(self, epoch: int, run: Training) -> str:
        best = run.best
        before = f"; before, {best.value:.5g} at epoch {best.number}" if best else ""
        return f"the validation loss was no finite number at epoch {epoch}{before}"

    def _best_so_far(self, run: Training) -> float:
        assert run.best is not None
        return self.progress.running(run.best.value)

    def _describe(self, built: Built) -> None:
        self.attributes |= {
            "values": dict(built.values),
            "parameters": built.model.count_params(),
        }

    def _keep_best(self, built: Built, run: Training, fold: int) -> None:
        """Save the model if this is the best trial so far."""
        best = self.beaten = self.context.store.incumbent()
        assert run.best is not None
        self.attributes |= {"metrics": run.best.metrics, "model_fold": fold}
        if self.progress.standard_error is not None:
            self.attributes["standard_error"] = self.progress.standard_error
            self.attributes["folds"] = list(self.progress.values)
        if best is None or self.progress.value < best[1]:
            self._keep(built, run, fold)

    def _keep(self, built: Built, run: Training, fold: int) -> None:
        data = self.context.plan.data
        model = exporting.with_preparation(
            run.best_model(), data.folds[fold].preparation, data.input_shape
        )
        name = self.context.artifacts.new_name("model", self.owner, ".keras")
        try:
            exporting.save(model, self.context.artifacts.path(name))
        except (ArtifactError, ValueError, TypeError) as error:  # a class that can't be saved
            self.attributes["model_error"] = _first_line(error)
            LOG.warning("trial %d: its model can't be saved: %s", self.claim.number, error)
            return
        assert run.best is not None
        self.attributes |= {
            "model": name,
            "model_sha256": self.context.artifacts.sha256(name),
            "model_value": run.best.value,
        }
        if built.data_loss is None:
            self.attributes |= {
                "loss": keras.losses.serialize(keras.losses.get(built.model.loss)),
                "one_hot": built.one_hot,
            }

    def _tell(self, state: Ended, value: float) -> Outcome:
        self.attributes["seconds"] = self.seconds
        self._end(state, value)
        return Outcome.COMPLETE if state == "COMPLETE" else Outcome.PRUNED

    def _end(self, state: Ended, value: float | None) -> None:
        claim, study = self.claim, self.context.study
        history = curves.flat(claim.history)
        note = notes.trial_note(
            study.study_id,
            claim.lease.trial_id,
            claim.number,
            state=state,
            history=history,
            params=self.attributes.get("values", {}),
            value=value,
            stopped=self.attributes.get("stopped"),
            reason=self.attributes.get("reason"),
        )
        self.context.store.tell(
            claim,
            state,
            value,
            attributes=self.attributes,
            system_attributes=notes.trial_artifacts(claim.lease.trial_id) if history else {},
            study_system_attributes=note,
        )
        self.context.artifacts.remove(claim.checkpoint)
        self._drop_beaten_model()

    def _drop_beaten_model(self) -> None:
        """Only the best model is kept: the one that this trial beat goes, or this one's own."""
        best = self.context.store.incumbent()
        if "model" not in self.attributes or best is None:
            return
        if best[0] != self.claim.number:
            self.context.artifacts.remove(self.attributes["model"])
        elif self.beaten is not None:
            prefix = f"model-{self.context.study.name}-{self.beaten[0]}-"
            for stored in self.context.artifacts.objects():
                if stored.name.startswith(prefix):
                    self.context.artifacts.remove(stored.name)

    def _add_seconds(self, spent: dict[str, float]) -> None:
        for what, seconds in spent.items():
            self.seconds[what] = self.seconds.get(what, 0.0) + seconds


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:400]
