"""The store that a worker uses: claims, reports and results, each in one short transaction."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from optuna.samplers import BaseSampler

from studyhall.storage.database import Database, Transaction
from studyhall.storage.database.connection import PATIENCE_S
from studyhall.storage.database.urls import StorageAway
from studyhall.storage.leases import leases
from studyhall.storage.leases.heartbeat import Heartbeat
from studyhall.storage.leases.leases import Lease, LeaseLost
from studyhall.storage.leases.orders import Order
from studyhall.storage.leases.silence import Terms
from studyhall.storage.leases.workers import Worker
from studyhall.storage.sampling import feed
from studyhall.storage.sampling.mirror import Mirror
from studyhall.storage.sampling.part_pruning import PartPruner
from studyhall.storage.sampling.pruning import Pruner
from studyhall.storage.sampling.window import Window
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials import claim as claiming
from studyhall.storage.trials import delivery, ending, recovery, results
from studyhall.storage.trials.claim import Exhausted, Waiting
from studyhall.storage.trials.claimed_trial import Claim
from studyhall.storage.trials.epochs import EpochReport
from studyhall.storage.trials.knowledge import Knowledge
from studyhall.storage.trials.outbox import Pointer

__all__ = ["Claim", "Exhausted", "LeaseLost", "Order", "Terms", "TrialStore", "Waiting", "Worker"]

_REPORT_PATIENCE_S = 1.0  # how long a report may delay training


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
        self._claim: Claim | None = None
        self._heartbeat = Heartbeat(
            db, study.study_id, worker, self._terms.heartbeat_s, self._on_beat
        )

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
                trusting=self._db.was_away(self._terms.grace_s),
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
            self._deliver(claim, _REPORT_PATIENCE_S)

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
        report = EpochReport(*about, self._direction)
        claim.outbox.add(report)
        self._try_to_deliver(claim)
        self._climb(claim, report)
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
        self._try_to_deliver(claim)
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
            state=state,
            value=value,
            attributes=attributes or {},
            system_attributes=system_attributes or {},
            study_system_attributes=study_system_attributes or {},
            direction=self._direction,
            further=further,
        )

        def work(transaction: Transaction) -> None:
            if transaction.again and ending.has_ended(transaction, lease.trial_id, lease.fence):
                return
            delivery.repeat(transaction, self._study_id, claim)
            ending.finish(transaction, self._study_id, lease.trial_id, lease.fence, result)

        self._fenced(claim, work)
        self._let_go(claim)

    def release(self, claim: Claim, out_of_memory: bool = False) -> None:
        """Hand the trial back; the next worker continues from its checkpoint.

        Args:
            claim: the trial.
            out_of_memory: whether the worker ran out of memory; the trial counts it.

        Raises:
            LeaseLost: another worker holds the trial already.
            StorageError: the database stayed unreachable.
        """

        def work(transaction: Transaction) -> None:
            if transaction.again and not leases.is_held(transaction, claim.lease):
                return
            delivery.repeat(transaction, self._study_id, claim)
            recovery.hand_back(
                transaction, self._study_id, claim.lease, out_of_memory=out_of_memory
            )

        self._fenced(claim, work)
        self._let_go(claim)

    def close(self) -> None:
        """Stop the heartbeat; a trial that is still held is not handed back."""
        self._heartbeat.stop()

    def _begin(self, lease: Lease) -> Claim:
        self._heartbeat.hold(lease)
        knows = self._knowledge
        around = self._db.statement(
            lambda transaction: claiming.look_around(
                transaction, self._study_id, lease, knows.seen, rungs=knows.pruner.needs_rungs
            )
        )
        self._claim = knows.begin(lease, around)
        return self._claim

    def _deliver(self, claim: Claim, patience_s: float = PATIENCE_S) -> None:
        """Write what waits in the outbox, and take in the reply."""
        with self._dropping(claim):
            answer = delivery.deliver(
                self._db, self._study_id, claim, self._wants_to_hear(claim), patience_s
            )
        if answer is not None:
            claim.order = answer.order
            if answer.news is not None:
                self._knowledge.learn(answer.news)

    def _wants_to_hear(self, claim: Claim) -> feed.Seen | None:
        """Return how far the feed has been read; None if the next reply needs no news.

        It needs some if the last is old, or if a report enters a rung, which the pruner must judge.
        """
        decides = any(report.rung is not None for report in claim.outbox.waiting)
        return self._knowledge.seen if decides or not self._knowledge.is_fresh else None

    def _try_to_deliver(self, claim: Claim) -> None:
        """Write what waits in the outbox; keep it if the database is unreachable."""
        if claim.outbox.is_due:
            try:
                self._deliver(claim, _REPORT_PATIENCE_S)
            except StorageAway as error:
                claim.outbox.keep(error)

    def _climb(self, claim: Claim, report: EpochReport) -> None:
        """Deliver a report once more for each further rung that it enters.

        A report may enter the next rung only if its value is good enough for the one before, which
        is known once that one has been delivered and read back from the feed.
        """
        while report.rung is not None and not claim.outbox.waiting:
            rung = self._knowledge.rung(claim, report.step, report.value)
            if rung == report.rung:  # not read back: another worker has changed it meanwhile
                return
            report = replace(report, rung=rung)
            if rung is not None:
                claim.outbox.add(report)
                self._try_to_deliver(claim)

    def _fenced(self, claim: Claim, work: Callable[[Transaction], None]) -> None:
        """Write what waits in the outbox, then run a transaction; drop the claim if it is lost."""
        self._deliver(claim)
        with self._dropping(claim):
            self._db.transaction(work)

    @contextlib.contextmanager
    def _dropping(self, claim: Claim) -> Iterator[None]:
        """Drop the claim, and re-raise, if the lease turns out to be lost."""
        try:
            yield
        except LeaseLost:
            claim.lost = True
            self._let_go(claim)
            raise

    def _let_go(self, claim: Claim) -> None:
        if self._claim is claim:
            self._claim = None
            self._heartbeat.hold(None)

    def _on_beat(self, lease: Lease, order: Order | None) -> None:
        """Update the claim after a beat; called by the heartbeat's thread."""
        claim = self._claim
        if claim is None or claim.lease is not lease:  # the main thread has let go of it meanwhile
            return
        if order is None:
            claim.lost = True
        else:
            claim.order = order
