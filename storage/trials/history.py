"""The stored past of a running trial: reports, history, the sampler's attributes."""

import json
from dataclasses import dataclass, field
from typing import Any

from studyhall.storage.database import Transaction, companions, encoding
from studyhall.storage.studies import directions


@dataclass(frozen=True)
class Past:
    """The stored past of a running trial.

    Attributes:
        reports: costs by step.
        history: dicts of fold, epoch, value, metrics, in this order.
        notes: system attributes that the sampler has set.
    """

    reports: dict[int, float] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)


def read(transaction: Transaction, trial_id: int) -> Past:
    """Read everything stored about a running trial."""
    return Past(
        reports(transaction, trial_id), history(transaction, trial_id), notes(transaction, trial_id)
    )


def reports(transaction: Transaction, trial_id: int) -> dict[int, float]:
    """Return a running trial's costs by step, converted from the values in Optuna's table."""
    rows = transaction.rows(
        f"""
        SELECT v.step, v.intermediate_value, v.intermediate_value_type, s.direction
        FROM trial_intermediate_values v JOIN studyhall_leases l ON l.trial_id = v.trial_id
            JOIN study_directions s
                ON s.study_id = {companions.head("l.study_id")} AND s.objective = 0
        WHERE v.trial_id = :trial_id ORDER BY v.step""",
        trial_id=trial_id,
    )
    found = {step: (encoding.BY_KIND.get(kind, value), way) for step, value, kind, way in rows}
    return {step: directions.turned(value, way) or 0.0 for step, (value, way) in found.items()}


def direction(transaction: Transaction, trial_id: int) -> str:
    """Return the direction of the first objective of a running trial's study."""
    found = transaction.row(
        f"""
        SELECT s.direction FROM studyhall_leases l
            JOIN study_directions s
                ON s.study_id = {companions.head("l.study_id")} AND s.objective = 0
        WHERE l.trial_id = :trial_id""",
        trial_id=trial_id,
    )
    return str(found[0]).lower() if found else directions.MINIMIZE


def history(transaction: Transaction, trial_id: int) -> list[dict[str, Any]]:
    """Return all epochs of a trial with all metrics: dicts of fold, epoch, value, metrics."""
    rows = transaction.rows(
        """
        SELECT fold, epoch, value, metrics FROM studyhall_history
        WHERE trial_id = :trial_id ORDER BY fold, epoch""",
        trial_id=trial_id,
    )
    return [
        {"fold": fold, "epoch": epoch, "value": value, "metrics": encoding.unpack_metrics(metrics)}
        for fold, epoch, value, metrics in rows
    ]


def notes(transaction: Transaction, trial_id: int) -> dict[str, Any]:
    """Return the system attributes that the sampler has set, from Optuna's table."""
    rows = transaction.rows(
        "SELECT key, value_json FROM trial_system_attributes WHERE trial_id = :trial_id",
        trial_id=trial_id,
    )
    return {key: json.loads(text) for key, text in rows}
