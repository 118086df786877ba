"""The store that a worker uses: claims, reports and results, each in one short transaction."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from optuna.samplers import BaseSampler

from studyhall.storage.database import Database
from studyhall.storage.database.urls import StorageAway
from studyhall.storage.leases import leases
from studyhall.storage.leases.leases import Lease
from studyhall.storage.leases.orders import Order
from studyhall.storage.leases.silence import Terms
from studyhall.storage.leases.workers import Worker
from studyhall.storage.sampling.mirror import Mirror
from studyhall.storage.sampling.part_pruning import PartPruner
from studyhall.storage.sampling.pruning import Pruner
from studyhall.storage.sampling.window import Window
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials import claim as claiming
from studyhall.storage.trials import ending, recovery, results
from studyhall.storage.trials.claim import Exhausted, Waiting
from studyhall.storage.trials.claimed_trial import Claim
from studyhall.storage.trials.delivery import REPORT_PATIENCE_S, Delivery
from studyhall.storage.trials.epochs import EpochReport
from studyhall.storage.trials.holding import Holding
from studyhall.storage.trials.knowledge import Knowledge
from studyhall.storage.trials.outbox import Pointer


class TrialStore:
    """One worker's access to its study.

    It renews the lease of the trial that it holds in a thread of its own. If the database is
    unreachable, reports wait in memory and training goes on.

    Args:
        db: the database; the store opens a second connection for its heartbeat.
        study: the study to work on.
        worker: the worker.
        sampler_factory: makes the sampler of one trial from that trial's seed.
        pruning: the pruner, which the store updates from the feed.
        part_pruning: the pruner between two parts of a trial; none by default.
        trial_seed: returns the seed of a trial from its number.
        terms: the timing of leases and the limit of takeovers.
        window: the finished trials that the sampler sees.
    """

    def __init__(
        self,
        db: Database,
        study: Study,
        worker: Worker,
        sampler_factory: Callable[[int], BaseSampler],
        pruning: Pruner,
        *,
        trial_seed: Callable[[int], int],
        part_pruning: PartPruner | None = None,
        terms: Terms | None = None,
        window: Window | None = None,
    ) -> None:
        self._db = db
        self._study_id, self._direction = study.study_id, study.direction
        self._worker = worker
        self._terms = terms or Terms()
        self._knowledge = Knowledge(
            Mirror(study.name, window or Window(), len(study.directions)),
            sampler_factory,
            trial_seed,
            pruning,
            part_pruning or PartPruner(0.0),
        )
        self._holding = Holding(db, study.study_id, worker, self._terms.heartbeat_s)
        self._delivery = Delivery(db, study.study_id, self._knowledge, self._holding)

    def claim(self) -> Claim | Waiting | Exhausted:
        """Claim a trial: take over a free one, or start one, queued configurations first.

        Returns:
            The claim; `Waiting` if other workers hold all trials that are left; `Exhausted` if
            there is nothing more to do.

        Raises:
            StorageError: the database stayed unreachable.
            LookupError: the study has been deleted.
        """
        token = claiming.new_token()
        answer = self._db.transaction(
            lambda transaction: claiming.claim(
                transaction,
                self._study_id,
                self._worker,
                token,
                self._terms,
                clock=self._db.clock,
                seen=self._knowledge.seen,
            )
        )
        return self._begin(answer) if isinstance(answer, Lease) else answer

    def write_params(self, claim: Claim) -> None:
        """Publish the trial's hyperparameters for other workers' samplers; call it after sampling.

        If the database is unreachable, they are written with the first report.

        Raises:
            LeaseLost: another worker holds the trial.
        """
        with contextlib.suppress(StorageAway):
            self._delivery.deliver(claim, REPORT_PATIENCE_S)

    def report(
        self,
        claim: Claim,
        epoch: int,
        value: float | None,
        metrics: Mapping[str, Any],
        *,
        fold: int = 0,
        step: int | None = None,
        seconds: float | None = None,
    ) -> Order:
        """Record an epoch, renew the lease, and return the order to the worker.

        While the database is unreachable, the report is kept and written with the next one.

        Args:
            claim: the trial.
            epoch: from 1.
            value: its cost, for the pruner and, as a value, for Optuna's clients; None for an
                epoch that is only for the history.
            metrics: all other results of the epoch, by name.
            fold: from 0.
            step: Optuna's step; the epoch by default.
            seconds: how long the epoch took, to know what a takeover costs.

        Raises:
            LeaseLost: another worker holds the trial; nothing was written.
            StorageError: the database refuses, or was unreachable for `OUTAGE_S` seconds.
        """
        step = epoch if step is None else step
        claim.report(step, epoch, fold, value, dict(metrics))
        place, rung = len(claim.rows), self._knowledge.rung(claim, step, value)
        about = (step, epoch, fold, place, value, dict(metrics), rung, seconds)
        self._delivery.report(claim, EpochReport(*about, self._direction))
        return claim.order

    def should_prune(self, claim: Claim, epoch: int) -> bool:
        """Tell whether the trial should end with its report at this epoch; reads memory only."""
        return self._knowledge.pruner.should_prune(claim.number, claim.reports, epoch)

    def should_prune_part(self, values: Sequence[float]) -> bool:
        """Tell whether a trial should end whose parts reached these costs; reads memory only."""
        return self._knowledge.part_pruner.should_prune(values)

    def checkpoint(self, claim: Claim, pointer: str, epoch: int, fold: int = 0) -> str | None:
        """Record a new checkpoint, whose object has been written.

        While the database is unreachable, the pointer is kept and written with the next report.

        Args:
            claim: the trial.
            pointer: the object's name.
            epoch: the last epoch in the checkpoint, from 1.
            fold: the fold of that epoch, from 0.

        Returns:
            The name of an older checkpoint that nothing points to any more and that can be
            deleted; None if there is none.

        Raises:
            LeaseLost: another worker holds the trial; the pointer is not changed.
            StorageError: the database refuses, or was unreachable for `OUTAGE_S` seconds.
        """
        claim.outbox.point(Pointer(pointer, claim.reached(epoch, fold)))
        self._delivery.attempt(claim)
        return claim.outbox.replaced()

    def tell(
        self,
        claim: Claim,
        state: str,
        value: float | None,
        *,
        attributes: Mapping[str, Any] | None = None,
        system_attributes: Mapping[str, Any] | None = None,
        study_system_attributes: Mapping[str, Any] | None = None,
        further: Sequence[float] = (),
    ) -> None:
        """End the trial and record its result.

        Args:
            claim: the trial.
            state: "COMPLETE", "PRUNED" or "FAIL".
            value: the cost of its best epoch, or None.
            attributes: user attributes of the trial, besides those it has.
            system_attributes: system attributes of the trial, besides those it has.
            study_system_attributes: system attributes of the study.
            further: values of the objectives after the first.

        Raises:
            LeaseLost: another worker holds the trial; nothing was written.
            StorageError: the database stayed unreachable.
        """
        lease = claim.lease
        result = results.of_trial(
            claim.frozen,
            claim.reports,
            claim.history,
            state=state,
            value=value,
            attributes=attributes or {},
            system_attributes=system_attributes or {},
            study_system_attributes=study_system_attributes or {},
            direction=self._direction,
            further=further,
        )
        self._delivery.end(
            claim,
            lambda t: ending.finish(
                t,
                self._study_id,
                lease.trial_id,
                lease.fence,
                result,
                token=lease.token,
                held_s=lease.held_s,
            ),
            written=lambda t: ending.has_ended(t, lease.trial_id, lease.fence),
        )

    def release(self, claim: Claim, out_of_memory: bool = False) -> None:
        """Hand the trial back; the next worker continues from its checkpoint.

        Args:
            claim: the trial.
            out_of_memory: whether the worker ran out of memory; the trial counts it.

        Raises:
            LeaseLost: another worker holds the trial already.
            StorageError: the database stayed unreachable.
        """
        self._delivery.end(
            claim,
            lambda t: recovery.hand_back(
                t, self._study_id, claim.lease, out_of_memory=out_of_memory
            ),
            written=lambda t: not leases.is_held(t, claim.lease),
        )

    def close(self) -> None:
        """Stop the heartbeat; a trial that is still held is not handed back."""
        self._holding.heartbeat.stop()

    def _begin(self, lease: Lease) -> Claim:
        self._holding.heartbeat.hold(lease)
        claim = self._knowledge.begin(self._db, self._study_id, lease)
        self._holding.take(claim)
        return claim
