"""The end of a trial: its result is written, its summary put into the feed, its lease deleted."""

import math
from typing import Any

from studyhall.storage.database import Transaction, encoding
from studyhall.storage.leases import budget
from studyhall.storage.leases.leases import LeaseLost
from studyhall.storage.studies import directions
from studyhall.storage.trials import optuna_rows
from studyhall.storage.trials.results import COMPLETE, Result


def finish(
    transaction: Transaction,
    study_id: int,
    trial_id: int,
    fence: int,
    result: Result,
    *,
    token: str | None = None,
    held_s: float | None = None,
) -> None:
    """End a trial, if its lease still has this fence.

    Args:
        transaction: the one to do it in.
        study_id, trial_id: the identifiers of the study and the trial.
        fence: of the trial's lease.
        result: the result.
        token: of the lease; None if its holder is not the one that ends it.
        held_s: for how long its holder has held it; None: until it was last heard of.

    Raises:
        LeaseLost: another worker holds the trial, or it has ended.
    """
    ended = transaction.row(
        """
        DELETE FROM studyhall_leases WHERE trial_id = :trial_id AND fence = :fence
            AND (CAST(:token AS text) IS NULL OR token = :token)
        RETURNING number, worker, host, device, attempt, repeated_epochs, repeated_s, progress,
            created_at, gpu_seconds_used, {now} AS now, held * devices * coalesce(
                CAST(:held_s AS double precision), heard_at - claimed_at) AS gpu_seconds""",
        trial_id=trial_id,
        fence=fence,
        token=token,
        held_s=held_s,
    )
    if ended is None:
        raise LeaseLost
    _write_result(transaction, trial_id, result)
    _write_attributes(transaction, study_id, trial_id, result)
    sequence = budget.advance(transaction, study_id, ended.gpu_seconds)
    _publish(transaction, study_id, trial_id, fence, sequence, ended, result)


def has_ended(transaction: Transaction, trial_id: int, fence: int) -> bool:
    """Tell whether the trial has been ended under this fence."""
    return (
        transaction.row(
            "SELECT 1 FROM studyhall_done WHERE trial_id = :trial_id AND fence = :fence",
            trial_id=trial_id,
            fence=fence,
        )
        is not None
    )


def _write_result(transaction: Transaction, trial_id: int, result: Result) -> None:
    """Write state and values into Optuna's tables: values, not costs."""
    transaction.run(
        """
        UPDATE trials SET state = :state, datetime_complete = {utc}, datetime_start = CASE
            WHEN datetime_start > {utc} THEN {utc} ELSE datetime_start END
        WHERE trial_id = :trial_id""",
        trial_id=trial_id,
        state=result.state,
    )
    values = [directions.turned(result.value, result.direction), *result.further]
    for objective, value in enumerate(values):
        finite, kind = encoding.stored(value)
        if kind is not None:
            transaction.run(
                """
                INSERT INTO trial_values (trial_id, objective, value, value_type)
                VALUES (:trial_id, :objective, :value, :kind)""",
                trial_id=trial_id,
                objective=objective,
                value=finite,
                kind=kind,
            )


def _write_attributes(
    transaction: Transaction, study_id: int, trial_id: int, result: Result
) -> None:
    optuna_rows.attributes(transaction, "trial_user", trial_id, result.attributes)
    optuna_rows.attributes(
        transaction, "trial_system", trial_id, optuna_rows.kept(result.system_attributes)
    )
    optuna_rows.attributes(transaction, "study_system", study_id, result.study_system_attributes)


def _publish(
    transaction: Transaction,
    study_id: int,
    trial_id: int,
    fence: int,
    sequence: int,
    ended: Any,
    result: Result,
) -> None:
    """Insert the trial's summary into the feed."""
    finite = {step: value for step, value in result.reports.items() if not math.isnan(value)}
    last_step = max(result.reports, default=None)
    transaction.run(
        """
        INSERT INTO studyhall_done (trial_id, study_id, sequence, number, state, value, best_epoch,
            epochs, last_step, last_value, params, distributions, attributes, reports, worker, host,
            device, attempt, repeated_epochs, repeated_s, gpu_seconds_used, fence, started_at,
            finished_at)
        VALUES (:trial_id, :study_id, :sequence, :number, :state, :value, :best_epoch,
            :epochs, :last_step, :last_value, :params, :distributions, :attributes, :reports,
            :worker, :host, :device, :attempt, :repeated_epochs, :repeated_s, :gpu_seconds_used,
            :fence, :started_at, :now)""",
        trial_id=trial_id,
        study_id=study_id,
        sequence=sequence,
        number=ended.number,
        state=result.state,
        value=result.value,
        best_epoch=result.best_epoch,
        epochs=ended.progress,
        last_step=last_step,
        last_value=None if last_step is None else result.reports[last_step],
        params=result.params,
        distributions=result.distributions,
        attributes=encoding.to_json(optuna_rows.kept(result.system_attributes)),
        # Pruners compare with complete trials only.
        reports=encoding.pack_reports(finite) if result.state == COMPLETE else None,
        worker=ended.worker,
        host=ended.host,
        device=ended.device,
        attempt=ended.attempt,
        repeated_epochs=ended.repeated_epochs,
        repeated_s=ended.repeated_s,
        gpu_seconds_used=ended.gpu_seconds_used + ended.gpu_seconds,
        fence=fence,
        started_at=min(ended.created_at, ended.now),  # the clock may have been set back
        now=ended.now,
    )
