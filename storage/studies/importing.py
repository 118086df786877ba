"""The creation of a study from trials that another tool has run, in one transaction."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from studyhall.storage.database import Database, Transaction, dialects, encoding
from studyhall.storage.database.urls import StorageError
from studyhall.storage.studies import deletion, foreign_trials, rows
from studyhall.storage.studies.directions import MAXIMIZE, turned
from studyhall.storage.studies.rows import Study


@dataclass(frozen=True)
class Epoch:
    """An epoch of an imported trial.

    Args:
        number: from 1.
        value: of the objective; None if it is not known.
        metrics: all metrics by name.
    """

    number: int
    value: float | None
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Imported:
    """A trial that another tool has run.

    Args:
        state: COMPLETE, PRUNED or FAIL.
        value: of the objective; None if there is none.
        params: values by hyperparameter and their distributions, see `encoding.pack_params`.
        epochs: the epochs that are known.
        attributes: user attributes.
        started_at, finished_at: epoch seconds.
    """

    state: str
    value: float | None
    params: tuple[str, str]
    epochs: Sequence[Epoch] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    started_at: float = 0.0
    finished_at: float = 0.0


def create(
    db: Database,
    name: str,
    *,
    config: Mapping[str, Any],
    direction: str,
    objective: str,
    trials: Sequence[Imported],
) -> Study:
    """Create a study with these trials, numbered in their order; its budget is spent.

    Args:
        db: the database.
        name: unique in its database.
        config: the study's configuration.
        direction: "minimize" or "maximize".
        objective: the name of what is optimized.
        trials: the trials.

    Returns:
        The study.

    Raises:
        StorageError: the name is taken.
    """

    def work(transaction: Transaction) -> Study:
        deletion.forget_orphans(transaction)
        study_id = rows.insert(transaction, name, uuid.uuid4().hex, config, 0, [direction])
        rows.insert_budget(transaction, study_id, 0, None, None)
        named = {"key": "study:metric_names", "value_json": json.dumps([objective])}
        foreign_trials.write(
            transaction, "study_system_attributes", [{"study_id": study_id, **named}]
        )
        for number, trial in enumerate(trials):
            _insert(transaction, study_id, number, trial, direction)
        foreign_trials.publish(transaction, study_id, name)
        study = rows.find(transaction, name)
        assert study is not None
        return study

    try:
        return db.transaction(work)
    except dialects.driver(db.kind).IntegrityError as error:
        raise StorageError(f"study: received {name!r}, expected an unused name in {db}") from error


def _insert(
    transaction: Transaction, study_id: int, number: int, trial: Imported, direction: str
) -> None:
    trial_id = transaction.value(
        """
        INSERT INTO trials (number, study_id, state, datetime_start, datetime_complete)
        VALUES (:number, :study_id, :state, :started, :finished) RETURNING trial_id""",
        number=number,
        study_id=study_id,
        state=trial.state,
        started=_date(trial.started_at),
        finished=_date(trial.finished_at),
    )
    for table, found in _of_trial(trial, direction).items():
        foreign_trials.write(transaction, table, [{"trial_id": trial_id, **row} for row in found])


def _of_trial(trial: Imported, direction: str) -> dict[str, list[dict[str, Any]]]:
    """Return the rows that belong to a trial, by table."""
    values, spaces = (json.loads(text) for text in trial.params)
    finite, kind = encoding.stored(trial.value)
    return {
        "trial_values": [{"objective": 0, "value": finite, "value_type": kind}] if kind else [],
        "trial_params": [
            {
                "param_name": name,
                "param_value": value,
                "distribution_json": json.dumps(spaces[name]),
            }
            for name, value in values.items()
        ],
        "trial_user_attributes": [
            {"key": key, "value_json": encoding.to_json(value)}
            for key, value in trial.attributes.items()
        ],
        "trial_intermediate_values": [
            {"step": epoch.number, **_reported(epoch.value)}
            for epoch in trial.epochs
            if epoch.value is not None
        ],
        "studyhall_history": [_history(epoch, direction) for epoch in trial.epochs],
    }


def _reported(value: float) -> dict[str, Any]:
    finite, kind = encoding.stored(value)
    return {"intermediate_value": finite, "intermediate_value_type": kind}


def _history(epoch: Epoch, direction: str) -> dict[str, Any]:
    cost, _ = encoding.stored(turned(epoch.value, direction if direction == MAXIMIZE else None))
    metrics = encoding.pack_metrics(epoch.metrics)
    return {"fold": 0, "epoch": epoch.number, "value": cost, "metrics": metrics}


def _date(moment: float) -> str:
    """Return epoch seconds as a date of Optuna's tables, naive UTC."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
