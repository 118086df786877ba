"""The trainings outside the search: planned, running and finished ones of each purpose.

They confirm the best trials with new seeds, or train the best one on less data. Each is a trial of
a hidden study (`storage.database.companions`): it waits in that study's queue, is leased like any
other trial, and its result is stored like any other. The hidden study's limit of trials is the
number of planned trainings.
"""

import json
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from studyhall.storage.database import Database, Row, Transaction, companions
from studyhall.storage.database.companions import CONFIRM, DATACURVE
from studyhall.storage.database.connection import PATIENCE_S
from studyhall.storage.leases import budget
from studyhall.storage.studies import deletion, directions, rows
from studyhall.storage.studies.rows import Queued, Study

__all__ = ["CONFIRM", "DATACURVE", "Retraining"]

ATTRIBUTE = "retraining"  # user attribute of a hidden study's trial; see `_about`

# Trials of a hidden study that have started: those with a lease, then those that have ended.
_BEGUN = """
    SELECT trial_id, 'RUNNING' AS state, CAST(NULL AS double precision) AS value,
        CASE WHEN held = 1 THEN worker END AS worker, checkpoint,
        gpu_seconds_used + held * devices * (heard_at - claimed_at) AS gpu_seconds
    FROM studyhall_leases WHERE study_id = :study_id
    UNION ALL SELECT trial_id, state, value, worker, NULL, gpu_seconds_used
    FROM studyhall_done WHERE study_id = :study_id"""

_ATTRIBUTES = """
    SELECT trial_id, key, value_json FROM trial_user_attributes WHERE trial_id IN (
        SELECT trial_id FROM studyhall_leases WHERE study_id = :study_id
        UNION ALL SELECT trial_id FROM studyhall_done WHERE study_id = :study_id)"""


@dataclass(frozen=True)
class Retraining:
    """One training outside the search.

    Args:
        purpose: `CONFIRM` or `DATACURVE`.
        trial: number of the trial whose hyperparameters it uses.
        repeat: number of the repetition, from 0.
        percent: share of the training data that it trains on, 1 to 100.
        seed: seed of the weights and of the order of samples.
        worker: the worker that runs it or has finished it; None while it waits.
        gpu_seconds: seconds that it has taken so far, times devices.
        result: its value ("value") and its trial's user attributes, or a "reason" if it has no
            value; None before its end.
        checkpoint: name of the checkpoint from which the next worker continues.
        trial_id: identifier of its own trial; None before it has begun.
    """

    purpose: str
    trial: int
    repeat: int
    percent: int
    seed: int
    worker: str | None = None
    gpu_seconds: float = 0.0
    result: dict[str, Any] | None = None
    checkpoint: str | None = None
    trial_id: int | None = None

    @property
    def id(self) -> tuple[int, int, int]:
        """The key that is unique within its study and purpose."""
        return self.trial, self.repeat, self.percent


def hidden(study: Study, purpose: str) -> Study:
    """Return the hidden study of a purpose; its one objective is the study's first."""
    return replace(
        study,
        study_id=companions.identifier(study.study_id, purpose),
        directions=study.directions[:1],
        purpose=purpose,
    )


def opened(db: Database, study: Study) -> list[Study]:
    """Return the hidden studies of a study for which anything was ever planned."""
    found = db.snapshot(
        lambda transaction: transaction.rows(
            f"SELECT study_id FROM studyhall_budget WHERE study_id IN {companions.hidden()}",
            study_id=study.study_id,
        )
    )
    known = {row.study_id for row in found}
    return [
        each for each in (hidden(study, p) for p in companions.PURPOSES) if each.study_id in known
    ]


def plan(db: Database, study: Study, purpose: str, wanted: Iterable[Retraining]) -> None:
    """Plan trainings of one purpose, in place of the plan before.

    Trainings that are running or finished are kept. Those that wait, or were handed back, are
    deleted if they are not wanted any more.

    Args:
        db: the database of the study.
        study: the study.
        purpose: the purpose of all of them.
        wanted: all trainings that the plan shall hold, begun or not.
    """
    of = {one.id: one for one in wanted}

    def work(transaction: Transaction) -> None:
        _open(transaction, study, purpose)
        found = _read(transaction, study, purpose)
        begun = {one.id for one in found if one.trial_id is not None}
        for one in found:
            if one.trial_id is not None and one.worker is None and one.id not in of:
                deletion.delete_trial(transaction, one.trial_id)
        before = {one.id: one for one in found}
        queued = [before.get(each, one) for each, one in of.items() if each not in begun]
        _queue(transaction, study, purpose, queued)

    db.transaction(work)


def read(
    db: Database, study: Study, purpose: str, *, patience_s: float = PATIENCE_S
) -> list[Retraining]:
    """Return all trainings of one purpose, sorted by repeat, percent and trial."""
    return db.snapshot(
        lambda transaction: _read(transaction, study, purpose), patience_s=patience_s
    )


def of_trial(db: Database, study: Study, purpose: str, trial_id: int) -> Retraining:
    """Return the training that belongs to a trial of the hidden study.

    Raises:
        KeyError: there is no such trial.
    """
    found = {one.trial_id: one for one in read(db, study, purpose)}
    return found[trial_id]


def reopen(db: Database, study: Study, one: Retraining) -> None:
    """Put a training that has ended back into the queue, to start from its first epoch."""

    def work(transaction: Transaction) -> None:
        _open(transaction, study, one.purpose)
        found = _read(transaction, study, one.purpose)
        queued = [each for each in found if each.trial_id is None]
        if one in found and one.trial_id is not None:
            deletion.delete_trial(transaction, one.trial_id)
            queued.append(one)
        _queue(transaction, study, one.purpose, queued)

    db.transaction(work)


def drop_model(db: Database, one: Retraining) -> None:
    """Delete the pointer to its model; the next `retention.tidy` deletes the object."""
    db.transaction(
        lambda transaction: transaction.run(
            "DELETE FROM trial_user_attributes WHERE trial_id = :trial_id AND key = 'model'",
            trial_id=one.trial_id,
        )
    )


def _open(transaction: Transaction, study: Study, purpose: str) -> None:
    """Lock the budgets of the study and then of the hidden study, creating the latter if need be.

    A new hidden study takes over the study's stop flag.
    """
    budget.lock(transaction, study.study_id)
    hidden_id = companions.identifier(study.study_id, purpose)
    transaction.run(
        """
        INSERT INTO studyhall_budget (study_id, trials, stop)
        SELECT :hidden_id, 0, stop FROM studyhall_budget WHERE study_id = :study_id
        ON CONFLICT (study_id) DO NOTHING""",
        hidden_id=hidden_id,
        study_id=study.study_id,
    )
    budget.lock(transaction, hidden_id)


def _queue(
    transaction: Transaction, study: Study, purpose: str, waiting: Iterable[Retraining]
) -> None:
    """Replace the queue's content by these, and set the limit of trials to match."""
    hidden_id = companions.identifier(study.study_id, purpose)
    transaction.run("DELETE FROM studyhall_queue WHERE study_id = :id", id=hidden_id)
    for one in sorted(waiting, key=_place):
        queued = Queued({}, {ATTRIBUTE: _about(one)})
        rows.enqueue(transaction, hidden_id, queued, uuid.uuid4().hex)
    transaction.run(
        """
        UPDATE studyhall_budget SET trials = used
            + (SELECT count(*) FROM studyhall_queue q WHERE q.study_id = studyhall_budget.study_id)
        WHERE study_id = :id""",
        id=hidden_id,
    )


def _about(one: Retraining) -> dict[str, Any]:
    # With `gpu_seconds`, so that the time of a run before `reopen` still counts.
    names = ("trial", "repeat", "percent", "seed", "gpu_seconds")
    return {name: getattr(one, name) for name in names}


def _read(transaction: Transaction, study: Study, purpose: str) -> list[Retraining]:
    """Return all trainings of one purpose: those in the queue and those that have started."""
    hidden_id = companions.identifier(study.study_id, purpose)
    known: defaultdict[int, dict[str, Any]] = defaultdict(dict)
    for trial_id, key, text in transaction.rows(_ATTRIBUTES, study_id=hidden_id):
        known[trial_id][key] = json.loads(text)
    begun = transaction.rows(_BEGUN, study_id=hidden_id)
    waiting = transaction.rows(
        "SELECT attributes FROM studyhall_queue WHERE study_id = :study_id", study_id=hidden_id
    )
    found = [Retraining(purpose, **json.loads(row[0])[ATTRIBUTE]) for row in waiting]
    found += [_begun(purpose, row, known[row.trial_id], study.direction) for row in begun]
    return sorted(found, key=_place)


def _begun(purpose: str, row: Row, known: dict[str, Any], direction: str) -> Retraining:
    one = Retraining(purpose, **known.pop(ATTRIBUTE))
    return replace(
        one,
        worker=row.worker,
        gpu_seconds=one.gpu_seconds + row.gpu_seconds,
        result=_result(row.state, directions.turned(row.value, direction), known),
        checkpoint=row.checkpoint,
        trial_id=row.trial_id,
    )


def _result(state: str, value: float | None, known: Mapping[str, Any]) -> dict[str, Any] | None:
    if state == "RUNNING":
        return None
    if state == "COMPLETE":
        return {**known, "value": value}
    return {"reason": known.get("reason") or "it was stopped before its end"}


def _place(one: Retraining) -> tuple[int, int, int]:
    return one.repeat, one.percent, one.trial
