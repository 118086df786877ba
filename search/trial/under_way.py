"""A claimed trial under way, whatever trains it: its record, its time, and how it ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from studyhall.search.process.stop import STOPPED
from studyhall.search.trial import listening, recorders, result
from studyhall.search.trial.checkpoints import Checkpoints
from studyhall.search.trial.context import LOG, Context, Outcome
from studyhall.search.trial.listening import Told
from studyhall.search.trial.result import Ended
from studyhall.search.trial.time_limit import Stopwatch
from studyhall.search.trial.trainings import TrialProgress
from studyhall.storage.leases.orders import Order
from studyhall.storage.trials.claimed_trial import Claim


class TrialUnderWay:
    """A claimed trial that a worker runs; subclasses say how it is trained.

    Args:
        context: state shared by the worker's trials.
        claim: the trial.
        wait_s: time that the worker waited for the trial, in seconds.

    Attributes:
        progress: the results of its finished parts.
        attributes: what is recorded with its result.
    """

    def __init__(self, context: Context, claim: Claim, wait_s: float) -> None:
        self.context = context
        self.claim = claim
        self.checkpoints = Checkpoints(context, claim, self.number)
        self.progress = TrialProgress()
        self.attributes: dict[str, Any] = {}
        self._stopwatch = Stopwatch(wait=wait_s)
        self._listeners = recorders.of(context, claim)

    @property
    def number(self) -> int:
        """The trial's number as shown to users."""
        return self.claim.number

    @property
    def is_fixed(self) -> bool:
        """True if a user enqueued this configuration: it is never pruned automatically."""
        return self.claim.lease.fixed is not None

    def train(self) -> Outcome:
        """Train the trial to its end, or until the worker must leave it.

        Raises:
            TrialFailed: the trial can't have a value.
            LeaseLost: another worker holds the trial.
        """
        raise NotImplementedError

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

    def _report(
        self, part: int, epoch: int, cost: float, metrics: Mapping[str, Any], seconds: float | None
    ) -> Order:
        """Record an epoch; return the order of a user or of the pruner that follows it."""
        step = self.checkpoints.step(part, epoch)
        value = self.progress.running(cost)
        with self._stopwatch.time("store"):
            order = self.context.store.report(
                self.claim, epoch, value, metrics, fold=part, step=step, seconds=seconds
            )
            fell_behind = self.context.store.should_prune(self.claim, step)
            self._listeners.epoch(Told(self._named(part), epoch, metrics))
        if order is Order.PRUNE:
            self.attributes["stopped"] = "by hand"
        return Order.PRUNE if fell_behind and not self.is_fixed else order

    def _tell_listeners(self) -> None:
        """Tell the listeners that training begins, or goes on, unless they know."""
        if self._listeners.begun:
            return
        told = listening.past(self.claim.history, *self.sizes)
        self._listeners.begin(self.claim.frozen.params, told)

    def _named(self, part: int) -> str:
        """Return the name of a part of the trial, as listeners have it."""
        return listening.named(part, *self.sizes)

    def _must_leave(self, order: Order) -> bool:
        if order is Order.STOP:
            LOG.info("the study was stopped: trial %d is handed back", self.number)
            self.context.stop.ask(STOPPED)
        elif order is Order.TIME_UP:
            self.context.stop.ask()
        return self.context.stop.asked

    def _tell(self, state: Ended, value: float | None) -> None:
        self.attributes["seconds"] = self._stopwatch.with_others(self._training_seconds())
        parts: Sequence[float] = ()
        if self.part_count > 1:
            parts = self.progress.values
            self.attributes["best_epochs"] = list(self.progress.best_epochs)
        self._record(state, value, parts)
        self.checkpoints.drop()

    @property
    def sizes(self) -> tuple[int, int]:
        """The number of folds, and of repeats."""
        return 1, self.context.plan.file.training.repeats

    @property
    def part_count(self) -> int:
        """The number of trainings of the trial."""
        folds, repeats = self.sizes
        return folds * repeats

    def _training_seconds(self) -> Iterable[Mapping[str, float]]:
        return ()

    def _record(self, state: Ended, value: float | None, parts: Sequence[float]) -> None:
        result.tell(self.context, self.claim, state, value, self.attributes, parts)
        self._listeners.end(state, None if value is None else self.context.plan.turned(value))
