"""A trial of a script's study while it trains: its reports, its checkpoints, and why it leaves."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from studyhall.search.study_file import objectives
from studyhall.search.trial.checkpoints import Resumable
from studyhall.search.trial.context import Context, Outcome
from studyhall.search.trial.listening import Told
from studyhall.search.trial.under_way import TrialUnderWay
from studyhall.storage.leases.leases import LeaseLost
from studyhall.storage.leases.orders import Order
from studyhall.storage.trials.claimed_trial import Claim


class Leave(BaseException):
    """The trial ends here: it was pruned, handed back, or another worker has it."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.value)
        self.outcome = outcome


class ReportingTrial(TrialUnderWay):
    """A claimed trial whose epochs a function of the user's reports.

    Args:
        context: state shared by the worker's trials.
        claim: the trial.
        wait_s: time that the worker waited for the trial, in seconds.

    Attributes:
        part: the number of the training under way, from 0.
        falls_behind: True once the pruner would end the trial.
    """

    def __init__(self, context: Context, claim: Claim, wait_s: float) -> None:
        super().__init__(context, claim, wait_s)
        self.part = 0
        self.falls_behind = False
        self._pruned = False

    def report(
        self, epoch: int, value: float | None, metrics: Mapping[str, float], seconds: float | None
    ) -> None:
        """Record an epoch of the training under way, counted from 1.

        Args:
            epoch: its number.
            value: the objective; None if the epoch does not measure it.
            metrics: what else it measures.
            seconds: how long it took.

        Raises:
            Leave: the trial is pruned or lost.
        """
        known = self.claim.rows.get((self.part, epoch))
        if known is not None:
            self._add_metrics(known, epoch, metrics, seconds)
            return
        measured = value is not None and math.isfinite(value)
        if not measured:
            self._keeping_lease(lambda: self._log(epoch, metrics, seconds))
            return
        cost = self.context.plan.turned(float(value or 0.0))
        order = self._keeping_lease(lambda: self._report(self.part, epoch, cost, metrics, seconds))
        if order is Order.PRUNE:
            self._prune()

    def report_step(self, step: int, value: float) -> None:
        """Record an intermediate value, whose step counts from 0, and leave if asked to.

        `falls_behind` tells afterwards whether the trial should end here.

        Raises:
            Leave: the trial is handed back or lost.
        """
        cost = self.context.plan.turned(value)
        if math.isfinite(cost) and step not in self.claim.reports:
            self._keeping_lease(lambda: self._report_value(step, value, cost))
        self.leave_if_asked(None)

    def _report_value(self, step: int, value: float, cost: float) -> None:
        """Record a value beside what a `fit` has measured in the epoch of the same number."""
        self._tell_listeners()
        epoch, store = step + 1, self.context.store
        row = self.claim.rows.get((0, epoch), {"metrics": {}})
        named = {objectives.recorded(self.context.plan.objectives[0]): value}
        order = store.report(self.claim, epoch, cost, {**row["metrics"], **named}, step=step)
        self._listeners.epoch(Told(self._named(0), epoch, named))
        fell_behind = store.should_prune(self.claim, step) and not self.is_fixed
        self.falls_behind = fell_behind or order is Order.PRUNE

    def leave_if_asked(self, training: Resumable | None) -> None:
        """Save the training and hand the trial back, if this worker is asked to stop.

        Raises:
            Leave: the trial is handed back.
        """
        if self._must_leave(self.claim.order):
            if training is not None:
                self.save(training)
            self._keeping_lease(lambda: self.context.store.release(self.claim))
            raise Leave(Outcome.HANDED_BACK)

    def save_if_due(self, training: Resumable) -> None:
        """Save the training if a checkpoint is due."""
        step = self.checkpoints.step(self.part, training.history[-1].number)
        if self.checkpoints.is_due(step):
            self.save(training)

    def save(self, training: Resumable) -> None:
        """Save a checkpoint of the training under way."""
        self._keeping_lease(lambda: self.checkpoints.save(self.progress, self.part, training))

    def _prune(self) -> None:
        reports = [value for value in self.claim.reports.values() if math.isfinite(value)]
        self._keeping_lease(lambda: self._tell("PRUNED", min(reports, default=None)))
        self._pruned = True
        raise Leave(Outcome.PRUNED)

    def _add_metrics(
        self,
        known: Mapping[str, Any],
        epoch: int,
        metrics: Mapping[str, float],
        seconds: float | None,
    ) -> None:
        """Add what a `fit` has measured to an epoch that the objective has reported itself."""
        if known["value"] is None or self.part or metrics.keys() <= known["metrics"].keys():
            return
        both = {**metrics, **known["metrics"]}
        about: dict[str, Any] = {"step": epoch - 1, "seconds": seconds}
        self._keeping_lease(
            lambda: self.context.store.report(self.claim, epoch, known["value"], both, **about)
        )
        new = {name: both[name] for name in metrics if name not in known["metrics"]}
        self._listeners.epoch(Told(self._named(0), epoch, new))

    def _log(self, epoch: int, metrics: Mapping[str, float], seconds: float | None) -> None:
        step = self.checkpoints.step(self.part, epoch)
        about = {"fold": self.part, "step": step, "seconds": seconds}
        self.context.store.report(self.claim, epoch, None, metrics, **about)  # type: ignore[arg-type]
        self._listeners.epoch(Told(self._named(self.part), epoch, metrics))

    def _keeping_lease(self, work: Callable[[], Any]) -> Any:
        """Do something that needs the lease.

        Raises:
            Leave: another worker holds the trial.
        """
        try:
            return work()
        except LeaseLost:
            raise Leave(Outcome.LOST) from None
