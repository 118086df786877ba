"""One epoch, one transaction: fence, lease, report, history, orders, and the others' results.

PostgreSQL does it in one statement and one round trip; SQLite, where a round trip is a function
call, in three.
"""

import math
from dataclasses import dataclass
from typing import Any

from storage import budget, feed, orders, packing
from storage.database import Transaction
from storage.feed import Finished
from storage.leases import Lease, LeaseLost
from storage.orders import Order


@dataclass(frozen=True)
class Report:
    """What one epoch has brought."""

    step: int
    epoch: int
    fold: int
    progress: int
    value: float | None
    metrics: dict[str, Any]
    rung: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Answer:
    """What a worker hears when it reports."""

    order: Order
    news: feed.News


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
        CASE WHEN :lazy THEN set_config('synchronous_commit', 'off', true) END,
        {", ".join(f"d.{column.strip()}" for column in feed.COLUMNS.split(","))}
    FROM lease LEFT JOIN studyhall_done d ON d.study_id = lease.study_id AND d.sequence > :seen
    ORDER BY d.sequence"""


def write(
    transaction: Transaction, study_id: int, lease: Lease, reports: list[Report], seen: feed.Seen
) -> Answer:
    """Writes reports, oldest first, and reads what the feed holds beyond what has been seen.

    Rungs are read only when a report has reached one: only then do they matter.

    Raises:
        LeaseLost: nothing is written.
    """
    news = feed.News()
    for report in reports:
        lazy = is_single(transaction.kind, reports)
        write_one = _at_once if transaction.kind == "postgresql" else _in_turn
        order, finished = write_one(transaction, study_id, lease, report, seen, lazy)
        if report.rung is not None:
            _enter(transaction, study_id, lease, report.rung, report.value)
        news.finished += finished
        seen = news.after(seen)
    if any(report.rung is not None for report in reports):
        news.rungs = feed.rungs(transaction, study_id, seen)
    return Answer(Order(order), news)


def is_single(kind: str, reports: list[Report]) -> bool:
    """Whether `write` will run one statement, which needs no COMMIT."""
    return kind == "postgresql" and len(reports) == 1 and reports[0].rung is None


def _at_once(
    transaction: Transaction,
    study_id: int,
    lease: Lease,
    report: Report,
    seen: feed.Seen,
    lazy: bool,
) -> tuple[str, list[Finished]]:
    """One statement; if it is the whole transaction, its COMMIT need not wait for the disk."""
    values = _values(lease, report)
    rows = transaction.rows(_ALL_AT_ONCE, seen=seen.finished, lazy=lazy, **values)
    if not rows:
        raise LeaseLost
    return rows[0][0], [Finished(*row[2:]) for row in rows if row[2] is not None]


def _in_turn(
    transaction: Transaction,
    study_id: int,
    lease: Lease,
    report: Report,
    seen: feed.Seen,
    lazy: bool,
) -> tuple[str, list[Finished]]:
    """Three statements, and a fourth if the feed has moved."""
    values = _values(lease, report)
    renewed = transaction.row(_RENEW, **values)
    if renewed is None:
        raise LeaseLost
    if values["kind"] is not None:
        transaction.run(_REPORT, **values)
    transaction.run(_HISTORY, **values)
    order, sequence = renewed
    return order, feed.finished(transaction, study_id, seen) if sequence > seen.finished else []


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


def _values(lease: Lease, report: Report) -> dict[str, Any]:
    finite, kind = stored(report.value)
    return {
        "trial_id": lease.trial_id,
        "fence": lease.fence,
        "step": report.step,
        "epoch": report.epoch,
        "fold": report.fold,
        "progress": report.progress,
        "value": finite,
        "finite": finite,
        "kind": kind,
        "metrics": packing.pack_metrics(report.metrics),
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
