"""Claiming: takeover first, then the queue, then a new trial, while the budget lasts."""

import json
import uuid
from dataclasses import dataclass
from typing import Any

from studyhall.storage.database import Row, Transaction
from studyhall.storage.leases import budget, leases
from studyhall.storage.leases.leases import Lease, Terms, Worker
from studyhall.storage.sampling import feed
from studyhall.storage.trials import history as past
from studyhall.storage.trials import optuna_rows, recovery
from studyhall.storage.trials.history import Past


@dataclass(frozen=True)
class Waiting:
    """Every trial of the budget is done or in other workers' hands: ask again later."""

    running: int


@dataclass(frozen=True)
class Exhausted:
    """There is nothing more to do.

    Args:
        reason: "trials", "seconds", "gpu_seconds", or "stopped" when somebody has asked to stop.
    """

    reason: str


@dataclass(frozen=True)
class Surroundings:
    """What a worker needs to know to sample and to go on, read after its claim."""

    past: Past
    news: feed.News
    running: list[tuple[int, int, str, str]]  # trial_id, number, params, distributions


def claim(
    transaction: Transaction,
    study_id: int,
    worker: Worker,
    token: str,
    terms: Terms,
    *,
    trusting: bool,
) -> Lease | Waiting | Exhausted:
    """Gives the worker a trial, if there is one for it; one transaction.

    Args:
        token: identifies this claim, so that a second try finds what the first has taken.
        trusting: leave silent leases alone: it may be the database that was away.

    Raises:
        LookupError: the study is gone.
    """
    limits = budget.lock(transaction, study_id)
    lease = leases.find(transaction, token, study_id) if transaction.again else None
    return lease or _next(transaction, study_id, worker, token, terms, limits, trusting)


def look_around(
    transaction: Transaction, study_id: int, lease: Lease, seen: feed.Seen, *, rungs: bool
) -> Surroundings:
    """Reads the trial's past, the others' results since, and what they are trying now."""
    begun = past.read(transaction, lease.trial_id) if lease.attempt > 1 else Past()
    news = feed.read(transaction, study_id, seen, with_rungs=rungs)
    return Surroundings(begun, news, _running(transaction, study_id, lease))


def new_token() -> str:
    """A token for one claim."""
    return uuid.uuid4().hex


def _next(
    transaction: Transaction,
    study_id: int,
    worker: Worker,
    token: str,
    terms: Terms,
    limits: Row,
    trusting: bool,
) -> Lease | Waiting | Exhausted:
    held = leases.survey(transaction, study_id, terms.silence_s)
    if held.silent and not trusting:
        recovery.reclaim(transaction, study_id, terms)
        held = leases.survey(transaction, study_id, terms.silence_s)
    idle_s = _idle_s(limits, held.heard_at, terms)
    if reason := _used_up(limits, held.gpu_seconds, idle_s):
        return Exhausted(reason)
    if held.free:
        budget.reserve(transaction, study_id, idle_s)
        return leases.take_free(transaction, study_id, worker, token)
    if limits.used >= limits.trials:
        return Waiting(held.held) if held.held else Exhausted("trials")
    number = budget.reserve(transaction, study_id, idle_s, new=True, sampled=held.queue_id is None)
    if held.queue_id is None:
        return leases.grant(
            transaction, study_id, worker, token, number=number, draw=limits.drawn, fixed=None
        )
    fixed, attributes = _dequeue(transaction, held.queue_id)
    lease = leases.grant(
        transaction, study_id, worker, token, number=number, draw=None, fixed=fixed
    )
    optuna_rows.attributes(transaction, "trial_user", lease.trial_id, attributes)
    return lease


def _idle_s(limits: Row, heard_at: float | None, terms: Terms) -> float:
    """Seconds during which nobody has worked on the study, up to now."""
    seen_at = max(filter(None, (limits.active_at, heard_at)), default=limits.now)
    quiet_s = limits.now - seen_at
    return quiet_s if quiet_s > terms.silence_s else 0.0


def _used_up(limits: Row, held_gpu_seconds: float, idle_s: float) -> str:
    if limits.stop:
        return "stopped"
    if limits.seconds is not None and limits.seconds_used - idle_s >= limits.seconds:
        return "seconds"
    gpu_seconds = limits.gpu_seconds_used + held_gpu_seconds
    if limits.gpu_seconds is not None and gpu_seconds >= limits.gpu_seconds:
        return "gpu_seconds"
    return ""


def _dequeue(transaction: Transaction, queue_id: int) -> tuple[str, dict[str, Any]]:
    """Parameters, as JSON, and user attributes of a queued configuration."""
    taken = transaction.row(
        "DELETE FROM studyhall_queue WHERE queue_id = :queue_id RETURNING params, attributes",
        queue_id=queue_id,
    )
    assert taken is not None  # the budget is locked
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
