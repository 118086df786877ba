"""The migration to version 7: trainings outside the search move from a table into hidden studies.

Those that had ended keep their results, models and times. Those that were running start again from
their first epoch, because their checkpoints come without the history of epochs that a trial needs;
the time that they have taken still counts.
"""

import json
import uuid
from typing import Any

from studyhall.storage.database import companions
from studyhall.storage.database.transaction import Row, Transaction

_OLD = """
    SELECT r.study_id, r.purpose, r.trial, r.repeat, r.percent, r.seed, r.worker, r.host,
        r.gpu_seconds, r.result, r.finished_at, s.direction
    FROM studyhall_retrainings r
        JOIN study_directions s ON s.study_id = r.study_id AND s.objective = 0
    ORDER BY r.study_id, r.repeat, r.percent, r.trial"""


def move(transaction: Transaction) -> None:
    """Turn every row of the old table into a trial, and drop the table."""
    numbers: dict[int, int] = {}  # how many trials each hidden study has
    for row in transaction.rows(_OLD):
        study_id = companions.identifier(row.study_id, row.purpose)
        numbers.setdefault(study_id, 0)
        about = {
            "trial": row.trial,
            "repeat": row.repeat,
            "percent": row.percent,
            "seed": row.seed,
            "gpu_seconds": row.gpu_seconds if row.result is None else 0.0,
        }
        if row.result is None:
            _enqueue(transaction, study_id, about)
        else:
            _end(transaction, study_id, numbers[study_id], row, about)
            numbers[study_id] += 1
    for study_id, count in numbers.items():
        _open(transaction, study_id, count)
    transaction.run("DROP TABLE studyhall_retrainings")


def _enqueue(transaction: Transaction, study_id: int, about: dict[str, Any]) -> None:
    transaction.run(
        """
        INSERT INTO studyhall_queue (study_id, params, attributes, token)
        VALUES (:study_id, '{{}}', :attributes, :token)""",
        study_id=study_id,
        attributes=json.dumps({"retraining": about}),
        token=uuid.uuid4().hex,
    )


def _end(
    transaction: Transaction, study_id: int, number: int, row: Row, about: dict[str, Any]
) -> None:
    """Insert a trial that has ended, with its attributes and its summary in the feed."""
    result = json.loads(row.result)
    value = result.pop("value", None)
    state = "FAIL" if value is None else "COMPLETE"
    trial_id = transaction.value(
        """
        INSERT INTO trials (number, study_id, state, datetime_start, datetime_complete)
        VALUES (:number, NULL, :state, {utc}, {utc}) RETURNING trial_id""",
        number=number,
        state=state,
    )
    for key, known in {**result, "seed": row.seed, "retraining": about}.items():
        transaction.run(
            """
            INSERT INTO trial_user_attributes (trial_id, key, value_json)
            VALUES (:trial_id, :key, :json)""",
            trial_id=trial_id,
            key=key,
            json=json.dumps(known),
        )
    transaction.run(
        """
        INSERT INTO studyhall_done (trial_id, study_id, sequence, number, state, value, best_epoch,
            epochs, params, distributions, attributes, worker, host, device, attempt,
            repeated_epochs, gpu_seconds_used, fence, started_at, finished_at)
        VALUES (:trial_id, :study_id, :sequence, :number, :state, :cost, :best_epoch, :epochs,
            '{{}}', '{{}}', '{{}}', :worker, :host, '', 1, 0, :gpu_seconds, 1, :at, :at)""",
        trial_id=trial_id,
        study_id=study_id,
        sequence=number + 1,
        number=number,
        state=state,
        cost=0.0 - value if value is not None and row.direction == "MAXIMIZE" else value,
        best_epoch=result.get("best_epoch"),
        epochs=result.get("epochs", 0),
        worker=row.worker or "",
        host=row.host or "",
        gpu_seconds=row.gpu_seconds,
        at=row.finished_at or 0.0,
    )


def _open(transaction: Transaction, study_id: int, done: int) -> None:
    """Insert a hidden study's budget: `done` trials are used, the limit adds the queued ones."""
    transaction.run(
        f"""
        INSERT INTO studyhall_budget (study_id, trials, used, sequence, stop)
        SELECT :study_id, :done + (SELECT count(*) FROM studyhall_queue q
            WHERE q.study_id = :study_id), :done, :done, stop
        FROM studyhall_budget WHERE study_id = {companions.head(":study_id")}""",
        study_id=study_id,
        done=done,
    )
