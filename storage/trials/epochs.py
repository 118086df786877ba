"""The transaction that reports an epoch: check the fence, renew the lease, write, read the news.

On PostgreSQL this is one statement in one round trip, which the server plans once. On SQLite, where
a round trip is a function call, it is three statements. Reading news from the feed is another
statement, planned each time, since the number of rows depends on how far the worker has read.
"""

from dataclasses import dataclass
from typing import Any

from studyhall.storage.database import Row, Transaction, encoding
from studyhall.storage.leases import budget, leases, orders
from studyhall.storage.leases.leases import Lease, LeaseLost
from studyhall.storage.leases.orders import Order
from studyhall.storage.sampling import feed
from studyhall.storage.studies import directions


@dataclass(frozen=True)
class EpochReport:
    """The report of one epoch.

    Attributes:
        step: Optuna's step.
        epoch: from 1.
        fold: from 0.
        progress: number of epochs in the trial's history, this one included.
        value: its cost, which Optuna's table shows as a value; None if it is only for the history.
        metrics: all other results of the epoch, by name.
        rung: the rung of successive halving that the trial enters with it, if any.
        seconds: how long the epoch took.
        direction: of the study's first objective, to convert the cost into a value.
    """

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
    """The reply to a report: the order to the worker, and news from the feed if it asked for it."""

    order: Order
    news: feed.News | None


# SQLite's three statements. (SQLite has no greatest().)
_RENEW = f"""
    UPDATE studyhall_leases SET {leases.RENEWED}, epoch = :epoch, value = :value,
        progress = CASE WHEN progress < :progress THEN :progress ELSE progress END
    WHERE {leases.MINE}
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

# PostgreSQL's one statement. All parts select from `lease`, which is empty if the fence is old:
# then nothing is written. PostgreSQL can't infer the types of the values that have a CAST.
_ALL_AT_ONCE = f"""
    WITH lease AS (
        UPDATE studyhall_leases SET {leases.RENEWED}, epoch = :epoch, value = :value,
            progress = greatest(progress, :progress)
        WHERE {leases.MINE} RETURNING trial_id, study_id, stop
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
    """Write reports, oldest first, and read the news from the feed.

    Args:
        transaction: the one to do it in.
        study_id: the study's identifier.
        lease: the trial's lease.
        reports: one or more.
        seen: how far the worker has read the feed; None to read no news. Rungs are read only if a
            report has entered one: only then does the pruner use them.

    Raises:
        LeaseLost: another worker holds the trial; nothing is written.
        StorageReplaced: the feed holds less than has been read from it.
    """
    lazy = is_single(transaction.kind, reports)
    write_one = _at_once if transaction.kind == "postgresql" else _in_turn
    for report in reports:
        order, sequence, *_ = write_one(transaction, _values(lease, report), lazy)
        if report.rung is not None:
            _enter(transaction, study_id, lease, report.rung, report.value)
    if seen is not None:
        feed.check(seen, sequence)
    news = None if seen is None else _news(transaction, study_id, reports, seen, sequence)
    return Reply(Order(order), news)


def is_single(kind: str, reports: list[EpochReport]) -> bool:
    """Tell whether `write` needs only one writing statement, which needs no COMMIT."""
    return kind == "postgresql" and len(reports) == 1 and reports[0].rung is None


def _at_once(transaction: Transaction, values: dict[str, Any], lazy: bool) -> Row:
    """Write a report in one statement.

    If it is the whole transaction (`lazy`), the server does not wait for the disk: a report that a
    crash loses is written again (`outbox.Outbox`).

    Raises:
        LeaseLost: another worker holds the trial.
    """
    written = transaction.row(_ALL_AT_ONCE, lazy=lazy, **values)
    if written is None:
        raise LeaseLost
    return written


def _in_turn(transaction: Transaction, values: dict[str, Any], lazy: bool) -> Row:
    """Write a report in three statements.

    Raises:
        LeaseLost: another worker holds the trial.
    """
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
    """Publish the value with which a trial has reached a rung, for other workers' pruners."""
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
    # Our tables hold the cost, Optuna's the value.
    cost, _ = encoding.stored(report.value)
    finite, kind = encoding.stored(directions.turned(report.value, report.direction))
    return {
        **lease.mine,
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
