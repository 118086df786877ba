"""Ended trials that no worker of ours has run, as the feed and the history hold them."""

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from studyhall.storage.database import Row, Transaction, encoding
from studyhall.storage.database.urls import StorageError
from studyhall.storage.leases import budget
from studyhall.storage.studies.directions import MAXIMIZE, turned

WORKER = ""  # the worker of such trials
_ENDED = ("COMPLETE", "PRUNED", "FAIL")
# Trials of a study that studyhall has not published, with their first value.
_UNPUBLISHED = """
    SELECT t.trial_id, t.number, t.state, t.datetime_start, t.datetime_complete,
        v.value, v.value_type
    FROM trials t LEFT JOIN trial_values v ON v.trial_id = t.trial_id AND v.objective = 0
    WHERE t.study_id = :study_id
        AND t.trial_id NOT IN (SELECT trial_id FROM studyhall_done WHERE study_id = :study_id)
        AND t.trial_id NOT IN (SELECT trial_id FROM studyhall_leases WHERE study_id = :study_id)
    ORDER BY t.number"""
_OF_TRIALS = """
    FROM {table} o JOIN trials t ON t.trial_id = o.trial_id WHERE t.study_id = :study_id"""


def directions_of(transaction: Transaction, study_id: int) -> list[str]:
    """Return the direction of each objective of a study: "minimize" or "maximize"."""
    found = transaction.rows(
        "SELECT direction FROM study_directions WHERE study_id = :study_id ORDER BY objective",
        study_id=study_id,
    )
    return [str(direction).lower() for (direction,) in found]


def check_ended(transaction: Transaction, study_id: int, name: str) -> list[Row]:
    """Return the trials of a study that studyhall has neither started nor published.

    Raises:
        StorageError: one of them has not ended.
    """
    found = transaction.rows(_UNPUBLISHED, study_id=study_id)
    left = [trial for trial in found if trial.state not in _ENDED]
    if left:
        numbers = ", ".join(f"{trial.number} ({trial.state})" for trial in left[:10])
        raise StorageError(
            f"study {name!r}: received trials that have not ended, {numbers}, expected none: wait "
            "for their processes, or end those of dead ones by study.tell(NUMBER, state=FAIL)"
        )
    return found


def publish(transaction: Transaction, study_id: int, name: str, metric: str = "value") -> None:
    """Publish the ended trials of a study that are not in the feed yet, and count them as used.

    Args:
        transaction: the one to do it in.
        study_id: the study's identifier.
        name: its name.
        metric: the name that reported values get in the history.

    Raises:
        StorageError: a trial that studyhall has not started has not ended.
    """
    budget.lock(transaction, study_id)
    found = check_ended(transaction, study_id, name)
    if not found:
        return
    maximizes = directions_of(transaction, study_id)[:1] == [MAXIMIZE]
    direction = MAXIMIZE if maximizes else None
    reports = _reports(transaction, study_id, direction)
    params, attributes = _params(transaction, study_id), _attributes(transaction, study_id)
    sequence = int(_count(transaction, study_id, len(found)))
    done = []
    for place, trial in enumerate(found, start=sequence - len(found) + 1):
        values, spaces = params[trial.trial_id]
        value = encoding.BY_KIND.get(trial.value_type, trial.value)
        done.append(
            {
                **_outcome(trial, turned(value, direction), reports[trial.trial_id]),
                "study_id": study_id,
                "sequence": place,
                "params": json.dumps(values),
                "distributions": json.dumps(spaces),
                "attributes": json.dumps(attributes[trial.trial_id]),
            }
        )
    write(transaction, "studyhall_done", done)
    _write_history(transaction, study_id, reports, metric, direction)


def _count(transaction: Transaction, study_id: int, ended: int) -> Any:
    """Count ended trials as used and drawn; return the feed's last number.

    The limit rises by as many: no trial is left.
    """
    return transaction.value(
        """
        UPDATE studyhall_budget SET trials = trials + :ended, used = used + :ended,
            drawn = drawn + :ended, sequence = sequence + :ended
        WHERE study_id = :study_id RETURNING sequence""",
        study_id=study_id,
        ended=ended,
    )


def _reports(
    transaction: Transaction, study_id: int, direction: str | None
) -> defaultdict[int, dict[int, float]]:
    """Return the costs that trials have reported, by step."""
    text = "SELECT o.trial_id, o.step, o.intermediate_value, o.intermediate_value_type"
    text += _OF_TRIALS.format(table="trial_intermediate_values") + " ORDER BY o.trial_id, o.step"
    found: defaultdict[int, dict[int, float]] = defaultdict(dict)
    for trial_id, step, value, kind in transaction.rows(text, study_id=study_id):
        cost = turned(encoding.BY_KIND.get(kind, value), direction)
        if cost is not None:
            found[trial_id][step] = cost
    return found


def _params(
    transaction: Transaction, study_id: int
) -> defaultdict[int, tuple[dict[str, Any], dict[str, Any]]]:
    """Return internal values and distributions of trials, as `encoding.pack_params` does."""
    text = "SELECT o.trial_id, o.param_name, o.param_value, o.distribution_json"
    text += _OF_TRIALS.format(table="trial_params") + " ORDER BY o.param_id"
    found: defaultdict[int, tuple[dict[str, Any], dict[str, Any]]] = defaultdict(lambda: ({}, {}))
    for trial_id, name, value, space in transaction.rows(text, study_id=study_id):
        found[trial_id][0][name] = value
        found[trial_id][1][name] = json.loads(space)
    return found


def _attributes(transaction: Transaction, study_id: int) -> defaultdict[int, dict[str, Any]]:
    text = "SELECT o.trial_id, o.key, o.value_json"
    text += _OF_TRIALS.format(table="trial_system_attributes")
    found: defaultdict[int, dict[str, Any]] = defaultdict(dict)
    for trial_id, key, value in transaction.rows(text, study_id=study_id):
        found[trial_id][key] = json.loads(value)
    return found


def _outcome(trial: Any, cost: float | None, reports: Mapping[int, float]) -> dict[str, Any]:
    """Return the columns of the feed that tell how a trial went."""
    finite = {step: value for step, value in reports.items() if math.isfinite(value)}
    epochs = _epochs(reports)
    known = [(value, epoch) for epoch, value in epochs.items() if math.isfinite(value)]
    ended = _moment(trial.datetime_complete) or _moment(trial.datetime_start) or 0.0
    # As the study's next trials report: by their own steps.
    steps = {step: value for step, value in finite.items() if step >= 0}
    packed = encoding.pack_reports(steps) if trial.state == "COMPLETE" else None
    return {
        "trial_id": trial.trial_id,
        "number": trial.number,
        "state": trial.state,
        "value": cost,
        "best_epoch": min(known)[1] if known else None,
        "epochs": max(len(epochs), *epochs, 0),
        "last_step": max(reports, default=None),
        "last_value": reports[max(reports)] if reports else None,
        "reports": packed,
        "worker": WORKER,
        "host": "",
        "device": "",
        "attempt": 1,
        "repeated_epochs": 0,
        "repeated_s": 0.0,
        "gpu_seconds_used": 0.0,
        "fence": 1,
        "started_at": _moment(trial.datetime_start) or ended,
        "finished_at": ended,
    }


def _epochs(reports: Mapping[int, float]) -> dict[int, float]:
    """Return costs by epoch, from 1: scripts count their steps from 0 or from 1."""
    shift = 1 if 0 in reports else 0
    return {step + shift: value for step, value in reports.items()}


def _write_history(
    transaction: Transaction,
    study_id: int,
    reports: Mapping[int, Mapping[int, float]],
    metric: str,
    direction: str | None,
) -> None:
    """Write the epochs of trials that have no history."""
    text = "SELECT DISTINCT o.trial_id" + _OF_TRIALS.format(table="studyhall_history")
    known = {trial_id for (trial_id,) in transaction.rows(text, study_id=study_id)}
    found = [
        {"trial_id": trial_id, **_epoch(epoch, cost, metric, direction)}
        for trial_id, steps in reports.items()
        if trial_id not in known
        for epoch, cost in _epochs(steps).items()
    ]
    write(transaction, "studyhall_history", found)


def _epoch(epoch: int, cost: float, metric: str, direction: str | None) -> dict[str, Any]:
    finite, _ = encoding.stored(cost)
    metrics = encoding.pack_metrics({metric: turned(cost, direction)})
    return {"fold": 0, "epoch": epoch, "value": finite, "metrics": metrics}


def write(transaction: Transaction, table: str, found: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, all with the same columns, into a table."""
    if found:
        names = list(found[0])
        values = ", ".join(f":{name}" for name in names)
        transaction.run_many(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({values})", found)


def _moment(stored: Any) -> float | None:
    """Return a date of Optuna's tables, naive UTC, in epoch seconds."""
    date = datetime.fromisoformat(stored) if isinstance(stored, str) else stored
    return None if date is None else float(date.replace(tzinfo=UTC).timestamp())
