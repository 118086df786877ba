"""The hot path: a worker's claims, epochs and results, each one short transaction."""

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
from studyhall.storage.leases.leases import Lease, LeaseLost, Terms, Worker
from studyhall.storage.leases.orders import Order
from studyhall.storage.sampling import feed
from studyhall.storage.sampling.mirror import Mirror
from studyhall.storage.sampling.part_pruning import PartPruner
from studyhall.storage.sampling.pruning import Pruner
from studyhall.storage.sampling.window import Window
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials import claim as claiming
from studyhall.storage.trials import delivery, recovery, results
from studyhall.storage.trials.claim import Exhausted, Waiting
from studyhall.storage.trials.claimed_trial import Claim
from studyhall.storage.trials.epochs import EpochReport
from studyhall.storage.trials.knowledge import Knowledge
from studyhall.storage.trials.outbox import Pointer

__all__ = ["Claim", "Exhausted", "LeaseLost", "Order", "Terms", "TrialStore", "Waiting", "Worker"]

_REPORT_PATIENCE_S = 1.0  # an epoch shall not be held up for longer


class TrialStore:
    """One worker's way to its study.

    Args:
        db: the database; the store adds a connection for its heartbeat.
        study: the study to work on.
        worker: who works.
        sampler_factory: makes the sampler of one trial from that trial's seed.
        pruning: the pruner, which the store feeds.
        part_pruning: likewise, between two parts of a trial; default: none.
        trial_seed: the seed of a trial, from its number.
        terms: silence, retries, heartbeat.
        window: how many finished trials the sampler sees.
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
        """Takes over a trial, or starts one, queued configurations first.

        Raises:
            StorageError: the database stayed away.
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
        """Shows what the trial tries to the other workers' samplers; call it after sampling.

        What can't be written now goes with the first report.

        Raises:
            LeaseLost: somebody else holds the trial.
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
        """Records an epoch, renews the lease, and hears what the worker is asked to do.

        While the database is away the report is kept, to go with the next one.

        Args:
            epoch: from 1.
            value: its cost, which the pruner and, as a value, Optuna's clients see; None for an
                epoch that only the history shall hold.
            metrics: everything else that there is to say about it.
            fold: from 0.
            step: Optuna's step; the epoch unless said otherwise.
            seconds: how long it took, so that it is known what a takeover repeats.

        Raises:
            LeaseLost: somebody else holds the trial; nothing was written.
            StorageError: the database refuses, or has been away for `OUTAGE_S`.
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
        """Whether the trial shall end with its report at this epoch; looks at memory only."""
        return self._knowledge.pruner.should_prune(claim.number, claim.reports, epoch)

    def should_prune_part(self, values: Sequence[float]) -> bool:
        """Whether a trial shall end whose parts have come to these values; looks at memory only."""
        return self._knowledge.part_pruner.should_prune(values)

    def checkpoint(self, claim: Claim, pointer: str, epoch: int, fold: int = 0) -> str | None:
        """Points to a new checkpoint, whose object has been written.

        While the database is away the pointer is kept, to go with the next report.

        Args:
            pointer: the object's name.
            epoch: the last epoch that it holds, of this fold.

        Returns:
            The name of an object to which nothing points any more, so that it may go.

        Raises:
            LeaseLost: somebody else holds the trial; the old pointer stands.
            StorageError: the database refuses, or has been away for `OUTAGE_S`.
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
        """Ends the trial: "COMPLETE", "PRUNED" or "FAIL", with the cost of its best epoch.

        `further` are the values of the objectives after the first.

        Raises:
            LeaseLost: somebody else holds the trial; nothing was written.
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
            if transaction.again and results.has_ended(transaction, lease.trial_id, lease.fence):
                return
            delivery.repeat(transaction, self._study_id, claim)
            results.finish(transaction, self._study_id, lease.trial_id, lease.fence, result)

        self._fenced(claim, work)
        self._let_go(claim)

    def release(self, claim: Claim, out_of_memory: bool = False) -> None:
        """Hands the trial back; whoever takes it continues from its checkpoint.

        Args:
            claim: the trial.
            out_of_memory: whether that is because memory did not suffice, which is counted.

        Raises:
            LeaseLost: somebody else holds it already.
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
        """Ends the heartbeat; a trial in hand is not handed back."""
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
        """Writes what waits, and takes in what the worker hears in return."""
        with self._dropping(claim):
            answer = delivery.deliver(
                self._db, self._study_id, claim, self._wants_to_hear(claim), patience_s
            )
        if answer is not None:
            claim.order = answer.order
            if answer.news is not None:
                self._knowledge.learn(answer.news)

    def _wants_to_hear(self, claim: Claim) -> feed.Seen | None:
        """How far the feed is known, unless that was but a moment ago and decides nothing."""
        decides = any(report.rung is not None for report in claim.outbox.waiting)
        return self._knowledge.seen if decides or not self._knowledge.is_fresh else None

    def _try_to_deliver(self, claim: Claim) -> None:
        """Writes what waits, unless the database is away: then it is kept for the next time."""
        if claim.outbox.is_due:
            try:
                self._deliver(claim, _REPORT_PATIENCE_S)
            except StorageAway as error:
                claim.outbox.keep(error)

    def _climb(self, claim: Claim, report: EpochReport) -> None:
        """Delivers a report once more for each further rung that it enters."""
        while report.rung is not None and not claim.outbox.waiting:
            rung = self._knowledge.rung(claim, report.step, report.value)
            if rung == report.rung:  # it has not come back: somebody has changed it meanwhile
                return
            report = replace(report, rung=rung)
            if rung is not None:
                claim.outbox.add(report)
                self._try_to_deliver(claim)

    def _fenced(self, claim: Claim, work: Callable[[Transaction], None]) -> None:
        """Delivers what waits, then runs a transaction."""
        self._deliver(claim)
        with self._dropping(claim):
            self._db.transaction(work)

    @contextlib.contextmanager
    def _dropping(self, claim: Claim) -> Iterator[None]:
        """Drops the trial if its lease turns out to be lost."""
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
        """Called by the heartbeat's thread."""
        claim = self._claim
        if claim is None or claim.lease is not lease:
            return
        if order is None:
            claim.lost = True
        else:
            claim.order = order
