"""One epoch, one transaction: fence, lease, report, history, orders, and the others' results.

PostgreSQL does it in one statement and one round trip, which it plans once; SQLite, where a round
trip is a function call, in three. What the feed holds beyond is another statement, which is
planned each time, since how much that will be depends on what has been seen.
"""

import math
from dataclasses import dataclass
from typing import Any

from studyhall.storage.database import Row, Transaction, encoding
from studyhall.storage.leases import budget, orders
from studyhall.storage.leases.leases import Lease, LeaseLost
from studyhall.storage.leases.orders import Order
from studyhall.storage.sampling import feed
from studyhall.storage.studies import directions


@dataclass(frozen=True)
class EpochReport:
    """What one epoch has brought; `value` is a cost, which Optuna's table shows as a value."""

    step: int
    epoch: int
    fold: int
    progress: int
    value: float | None
    metrics: dict[str, Any]
    rung: int | None = None
    seconds: float | None = None
    direction: str = directions.MINIMIZE


@dataclass(frozen=True)
class Reply:
    """What a worker hears when it reports; no news if it did not ask."""

    order: Order
    news: feed.News | None


_RENEW = f"""
    UPDATE studyhall_leases SET heard_at = {{now}}, epoch = :epoch, value = :value,
        progress = CASE WHEN progress < :progress THEN :progress ELSE progress END
    WHERE trial_id = :trial_id AND fence = :fence
    RETURNING {orders.query("studyhall_leases")},
        (SELECT sequence FROM studyhall_budget b WHERE b.study_id = studyhall_leases.study_id)"""

_REPORT = """
    INSERT INTO trial_intermediate_values
        (trial_id, step, intermediate_value, intermediate_value_type)
    VALUES (:trial_id, :step, :finite, :kind)
    ON CONFLICT (trial_id, step) DO UPDATE SET intermediate_value = excluded.intermediate_value,
        intermediate_value_type = excluded.intermediate_value_type"""

_HISTORY = """
    INSERT INTO studyhall_history (trial_id, fold, epoch, value, metrics, seconds)
    VALUES (:trial_id, :fold, :epoch, :value, :metrics, :seconds)
    ON CONFLICT (trial_id, fold, epoch) DO UPDATE SET value = excluded.value,
        metrics = excluded.metrics, seconds = excluded.seconds"""

_ALL_AT_ONCE = f"""
    WITH lease AS (
        UPDATE studyhall_leases SET heard_at = {{now}}, epoch = :epoch, value = :value,
            progress = greatest(progress, :progress)
        WHERE trial_id = :trial_id AND fence = :fence RETURNING trial_id, study_id, stop
    ), report AS (
        INSERT INTO trial_intermediate_values
            (trial_id, step, intermediate_value, intermediate_value_type)
        SELECT trial_id, :step, CAST(:finite AS double precision),
            CAST(CAST(:kind AS text) AS trialintermediatevaluetype)
        FROM lease WHERE CAST(:kind AS text) IS NOT NULL
        ON CONFLICT (trial_id, step) DO UPDATE SET
            intermediate_value = excluded.intermediate_value,
            intermediate_value_type = excluded.intermediate_value_type
    ), history AS (
        INSERT INTO studyhall_history (trial_id, fold, epoch, value, metrics, seconds)
        SELECT trial_id, :fold, :epoch, CAST(:value AS double precision), :metrics,
            CAST(:seconds AS double precision) FROM lease
        ON CONFLICT (trial_id, fold, epoch) DO UPDATE SET value = excluded.value,
            metrics = excluded.metrics, seconds = excluded.seconds
    )
    SELECT {orders.query("lease")},
        (SELECT sequence FROM studyhall_budget b WHERE b.study_id = lease.study_id),
        CASE WHEN :lazy THEN set_config('synchronous_commit', 'off', true) END
    FROM lease"""


def write(
    transaction: Transaction,
    study_id: int,
    lease: Lease,
    reports: list[EpochReport],
    seen: feed.Seen | None,
) -> Reply:
    """Writes reports, oldest first, and reads what the feed holds beyond what has been seen.

    Args:
        transaction: the one to do it in.
        study_id: of the study.
        lease: of the trial.
        reports: one at least.
        seen: None to read nothing; rungs are read only when a report has entered one, as only
            then they matter.

    Raises:
        LeaseLost: nothing is written.
    """
    lazy = is_single(transaction.kind, reports)
    write_one = _at_once if transaction.kind == "postgresql" else _in_turn
    for report in reports:
        order, sequence, *_ = write_one(transaction, _values(lease, report), lazy)
        if report.rung is not None:
            _enter(transaction, study_id, lease, report.rung, report.value)
    news = None if seen is None else _news(transaction, study_id, reports, seen, sequence)
    return Reply(Order(order), news)


def is_single(kind: str, reports: list[EpochReport]) -> bool:
    """Whether `write` will write by one statement, which needs no COMMIT."""
    return kind == "postgresql" and len(reports) == 1 and reports[0].rung is None


def _at_once(transaction: Transaction, values: dict[str, Any], lazy: bool) -> Row:
    """One statement; if it is the whole transaction, its COMMIT need not wait for the disk."""
    written = transaction.row(_ALL_AT_ONCE, lazy=lazy, **values)
    if written is None:
        raise LeaseLost
    return written


def _in_turn(transaction: Transaction, values: dict[str, Any], lazy: bool) -> Row:
    """Three statements."""
    renewed = transaction.row(_RENEW, **values)
    if renewed is None:
        raise LeaseLost
    if values["kind"] is not None:
        transaction.run(_REPORT, **values)
    transaction.run(_HISTORY, **values)
    return renewed


def _news(
    transaction: Transaction,
    study_id: int,
    reports: list[EpochReport],
    seen: feed.Seen,
    sequence: int,
) -> feed.News:
    news = feed.News(reaches=sequence)
    if sequence > seen.finished:
        news.finished = feed.finished(transaction, study_id, seen)
    if any(report.rung is not None for report in reports):
        news.rungs = feed.rungs(transaction, study_id, seen)
    return news


def _enter(
    transaction: Transaction, study_id: int, lease: Lease, rung: int, value: float | None
) -> None:
    """Lets the others know with which value a trial has reached a rung."""
    transaction.run(
        """
        INSERT INTO studyhall_rungs (trial_id, rung, study_id, sequence, number, value)
        VALUES (:trial_id, :rung, :study_id, :sequence, :number, :value)
        ON CONFLICT (trial_id, rung) DO UPDATE SET value = excluded.value,
            sequence = excluded.sequence""",
        trial_id=lease.trial_id,
        rung=rung,
        study_id=study_id,
        sequence=budget.advance(transaction, study_id),
        number=lease.number,
        value=value,
    )


def _values(lease: Lease, report: EpochReport) -> dict[str, Any]:
    cost, _ = stored(report.value)
    finite, kind = stored(directions.turned(report.value, report.direction))
    return {
        "trial_id": lease.trial_id,
        "fence": lease.fence,
        "step": report.step,
        "epoch": report.epoch,
        "fold": report.fold,
        "progress": report.progress,
        "value": cost,
        "finite": finite,
        "kind": kind,
        "metrics": encoding.pack_metrics(report.metrics),
        "seconds": report.seconds,
    }


def stored(value: float | None) -> tuple[float | None, str | None]:
    """A number as Optuna's tables hold it: the value if it is finite, and its kind."""
    if value is None:
        return None, None
    if math.isnan(value):
        return None, "NAN"
    if math.isinf(value):
        return None, "INF_POS" if value > 0 else "INF_NEG"
    return value, "FINITE"
