"""What the database holds of a trial that somebody has begun."""

import json
import math
from dataclasses import dataclass, field
from typing import Any

from storage import packing
from storage.database import Transaction

_SPECIAL = {"NAN": math.nan, "INF_POS": math.inf, "INF_NEG": -math.inf}


@dataclass(frozen=True)
class Past:
    """A begun trial: its reports by step, its history, its sampler's notes."""

    reports: dict[int, float] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=dict)


def read(transaction: Transaction, trial_id: int) -> Past:
    """Reads all that is known."""
    return Past(
        reports(transaction, trial_id), history(transaction, trial_id), notes(transaction, trial_id)
    )


def reports(transaction: Transaction, trial_id: int) -> dict[int, float]:
    """Values by step, from Optuna's table."""
    rows = transaction.rows(
        """
        SELECT step, intermediate_value, intermediate_value_type FROM trial_intermediate_values
        WHERE trial_id = :trial_id ORDER BY step""",
        trial_id=trial_id,
    )
    return {step: _SPECIAL.get(kind, value) for step, value, kind in rows}


def history(transaction: Transaction, trial_id: int) -> list[dict[str, Any]]:
    """All metrics of all epochs: dicts of fold, epoch, value, metrics."""
    rows = transaction.rows(
        """
        SELECT fold, epoch, value, metrics FROM studyhall_history
        WHERE trial_id = :trial_id ORDER BY fold, epoch""",
        trial_id=trial_id,
    )
    return [
        {"fold": fold, "epoch": epoch, "value": value, "metrics": packing.unpack_metrics(metrics)}
        for fold, epoch, value, metrics in rows
    ]


def notes(transaction: Transaction, trial_id: int) -> dict[str, Any]:
    """What the sampler has noted, from Optuna's table."""
    rows = transaction.rows(
        "SELECT key, value_json FROM trial_system_attributes WHERE trial_id = :trial_id",
        trial_id=trial_id,
    )
    return {key: json.loads(text) for key, text in rows}
