"""The claim of a trial: take over a free one, else take one from the queue, else start a new one.

A claim is refused when the budget is used up, the goal is reached or the study is stopped.
"""

import json
import uuid
from dataclasses import dataclass
from typing import Any

from studyhall.storage.database import Row, Transaction
from studyhall.storage.database.clock import ClockWatch
from studyhall.storage.leases import budget, goal, leases, takeover
from studyhall.storage.leases.leases import Lease
from studyhall.storage.leases.silence import Terms
from studyhall.storage.leases.workers import Worker
from studyhall.storage.sampling import feed
from studyhall.storage.trials import history as past
from studyhall.storage.trials import optuna_rows, recovery
from studyhall.storage.trials.history import Past


@dataclass(frozen=True)
class Waiting:
    """The answer when all trials that are left are others' to run: ask again later.

    Attributes:
        running: how many trials other workers hold, or are to take over.
    """

    running: int


@dataclass(frozen=True)
class Exhausted:
    """The answer when no trial may be run any more.

    Args:
        reason: the limit that is used up: "trials", "seconds" or "gpu_seconds"; "stopped" if a
            user has stopped the study; or the part of its goal that is reached, as
            `goal.reached` tells it.
    """

    reason: str


@dataclass(frozen=True)
class Surroundings:
    """The data that a worker reads after its claim, to sample or to continue the trial.

    Attributes:
        past: what earlier workers have stored of the trial.
        news: results of other trials since the worker last read the feed.
        running: trial_id, number, params and distributions of each other running trial.
    """

    past: Past
    news: feed.News
    running: list[tuple[int, int, str, str]]


def claim(
    transaction: Transaction,
    study_id: int,
    worker: Worker,
    token: str,
    terms: Terms,
    *,
    clock: ClockWatch,
    seen: feed.Seen,
) -> Lease | Waiting | Exhausted:
    """Claim a trial for a worker; called within one transaction.

    Args:
        transaction: the one to do it in.
        study_id: the study's identifier.
        worker: the worker.
        token: identifies this claim, so that a repeated try finds the lease of the first.
        terms: the timing of the study's leases.
        clock: what this process has seen of the database's clock: until it can tell, nobody is
            silent.
        seen: how far the worker has read the feed.

    Raises:
        LookupError: the study is gone.
        StorageReplaced: the feed holds less than has been read from it.
    """
    limits = budget.lock(transaction, study_id)
    feed.check(seen, limits.sequence)
    # An earlier try may have been committed without an answer: then its lease has this token.
    lease = leases.find(transaction, token, study_id) if transaction.again else None
    can_tell = terms.can_tell(clock, limits.now)
    return lease or _next(transaction, study_id, worker, token, terms, limits, can_tell)


def look_around(
    transaction: Transaction, study_id: int, lease: Lease, seen: feed.Seen, *, rungs: bool
) -> Surroundings:
    """Read a claimed trial's past, other trials' new results, and the running trials' parameters.

    Args:
        transaction: the one to read in.
        study_id: the study's identifier.
        lease: the claimed trial's lease.
        seen: how far the worker has read the feed.
        rungs: read the rungs too, for pruners that use them.
    """
    begun = past.read(transaction, lease.trial_id) if lease.attempt > 1 else Past()
    news = feed.read(transaction, study_id, seen, with_rungs=rungs)
    return Surroundings(begun, news, _running(transaction, study_id, lease))


def new_token() -> str:
    """Return a unique token for one claim."""
    return uuid.uuid4().hex


def _next(
    transaction: Transaction,
    study_id: int,
    worker: Worker,
    token: str,
    terms: Terms,
    limits: Row,
    can_tell: bool,
) -> Lease | Waiting | Exhausted:
    """Reclaim silent leases, check the limits, then take over, dequeue or start a trial."""
    held = leases.survey(transaction, study_id, terms.silence_s)
    if (held.silent or held.short_mib) and can_tell:
        recovery.reclaim(transaction, study_id, terms)
        # Read again: the reclaimed leases are free now, or their trials have failed.
        held = leases.survey(transaction, study_id, terms.silence_s)
    reason = _used_up(limits, held.gpu_seconds) or goal.reached(transaction, study_id, limits)
    if reason:
        if reason == "seconds":
            budget.elapse(transaction, study_id)
        return Exhausted(reason)
    all_begun = limits.used >= limits.trials
    if held.free and (lease := _take_over(transaction, study_id, worker, token, terms, all_begun)):
        budget.reserve(transaction, study_id, terms.silence_s)
        return lease
    if all_begun:
        return Waiting(held.held + held.free) if held.held or held.free else Exhausted("trials")
    sampled = held.queue_id is None
    number = budget.reserve(transaction, study_id, terms.silence_s, new=True, sampled=sampled)
    if sampled:
        return leases.grant(
            transaction, study_id, worker, token, number=number, draw=limits.drawn, fixed=None
        )
    fixed, attributes = _dequeue(transaction, held.queue_id)
    lease = leases.grant(
        transaction, study_id, worker, token, number=number, draw=None, fixed=fixed
    )
    optuna_rows.attributes(transaction, "trial_user", lease.trial_id, attributes)
    return lease


def _take_over(
    transaction: Transaction,
    study_id: int,
    worker: Worker,
    token: str,
    terms: Terms,
    all_begun: bool,
) -> Lease | None:
    """Take over a free trial; one that a larger worker should try only if all have begun."""
    largest = takeover.largest_mib(transaction, study_id, terms.silence_s)
    lease = takeover.take_free(transaction, study_id, worker, token, largest)
    if lease is None and all_begun:
        lease = takeover.take_free(transaction, study_id, worker, token, 0)
    return lease


def _used_up(limits: Row, held_gpu_seconds: float) -> str:
    if limits.stop:
        return "stopped"
    if limits.seconds is not None and limits.seconds_used >= limits.seconds:
        return "seconds"
    gpu_seconds = limits.gpu_seconds_used + held_gpu_seconds
    if limits.gpu_seconds is not None and gpu_seconds >= limits.gpu_seconds:
        return "gpu_seconds"
    return ""


def _dequeue(transaction: Transaction, queue_id: int) -> tuple[str, dict[str, Any]]:
    """Remove a configuration from the queue; return its parameters (JSON) and user attributes."""
    taken = transaction.row(
        "DELETE FROM studyhall_queue WHERE queue_id = :queue_id RETURNING params, attributes",
        queue_id=queue_id,
    )
    assert taken is not None  # no other claim can take it: the budget is locked
    return str(taken.params), json.loads(taken.attributes or "{}")


def _running(
    transaction: Transaction, study_id: int, lease: Lease
) -> list[tuple[int, int, str, str]]:
    rows = transaction.rows(
        """
        SELECT trial_id, number, params, distributions FROM studyhall_leases
        WHERE study_id = :study_id AND trial_id <> :trial_id AND params IS NOT NULL""",
        study_id=study_id,
        trial_id=lease.trial_id,
    )
    return [tuple(row) for row in rows]
