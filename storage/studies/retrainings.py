"""Trainings beside the search: what is planned, under way and done of one purpose.

They confirm the best trials with new seeds, or train the best one on less data. Each is a trial of
a hidden study (`storage.database.companions`): it waits in that study's queue, is leased like any
other trial, and keeps its result as any other does. That study's budget is what was planned.
"""

import json
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from studyhall.storage.database import Database, Row, Transaction, companions
from studyhall.storage.database.companions import CONFIRM, DATACURVE
from studyhall.storage.leases import budget
from studyhall.storage.studies import directions, rows
from studyhall.storage.studies.rows import Queued, Study

__all__ = ["CONFIRM", "DATACURVE", "Retraining"]

ATTRIBUTE = "retraining"  # the user attribute of its trial that says what it is

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
    """One of them.

    Args:
        purpose: `CONFIRM` or `DATACURVE`.
        trial: number of the trial whose hyperparameters it has.
        repeat: from 0.
        percent: of the training part that it trains on.
        seed: of weights and order of samples.
        worker: who has it in hand or has done it; None while it waits.
        gpu_seconds: what it has taken so far, times devices.
        result: its value and what else is known, or the reason for having none; None before its
            end.
        checkpoint: the name of the object that whoever takes it next goes on from.
        trial_id: of its own trial; None before it has begun.
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
        """What no other of its study and purpose has."""
        return self.trial, self.repeat, self.percent


def hidden(study: Study, purpose: str) -> Study:
    """The study whose trials they are; its values are those of the first objective."""
    return replace(
        study,
        study_id=companions.identifier(study.study_id, purpose),
        directions=study.directions[:1],
        purpose=purpose,
    )


def opened(db: Database, study: Study) -> list[Study]:
    """The hidden studies beside a study in which anything was ever planned."""
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
    """Writes down what is to be trained; what is there stays, what nobody wants or has begun goes.

    Args:
        purpose: of all of them.
    """
    of = {one.id: one for one in wanted}

    def work(transaction: Transaction) -> None:
        _open(transaction, study, purpose)
        found = _read(transaction, study, purpose)
        begun = {one.id for one in found if one.trial_id is not None}
        for one in found:
            if one.trial_id is not None and one.worker is None and one.id not in of:
                rows.delete_trial(transaction, one.trial_id)
        before = {one.id: one for one in found}
        queued = [before.get(each, one) for each, one in of.items() if each not in begun]
        _queue(transaction, study, purpose, queued)

    db.transaction(work)


def read(db: Database, study: Study, purpose: str) -> list[Retraining]:
    """All of one purpose, first repeats first."""
    return db.snapshot(lambda transaction: _read(transaction, study, purpose))


def of_trial(db: Database, study: Study, purpose: str, trial_id: int) -> Retraining:
    """The one that a trial of the hidden study is."""
    found = {one.trial_id: one for one in read(db, study, purpose)}
    return found[trial_id]


def reopen(db: Database, study: Study, one: Retraining) -> None:
    """Lets one that has ended be trained again, from its beginning."""

    def work(transaction: Transaction) -> None:
        _open(transaction, study, one.purpose)
        found = _read(transaction, study, one.purpose)
        queued = [each for each in found if each.trial_id is None]
        if one in found and one.trial_id is not None:
            rows.delete_trial(transaction, one.trial_id)
            queued.append(one)
        _queue(transaction, study, one.purpose, queued)

    db.transaction(work)


def drop_model(db: Database, one: Retraining) -> None:
    """Forgets its model, whose object goes with the next tidying."""
    db.transaction(
        lambda transaction: transaction.run(
            "DELETE FROM trial_user_attributes WHERE trial_id = :trial_id AND key = 'model'",
            trial_id=one.trial_id,
        )
    )


def _open(transaction: Transaction, study: Study, purpose: str) -> None:
    """Locks the hidden study; one that is not there yet is stopped where its study is."""
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
    """Puts these into the queue instead of what is in it, and sets the budget to just that."""
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
    names = ("trial", "repeat", "percent", "seed", "gpu_seconds")
    return {name: getattr(one, name) for name in names}


def _read(transaction: Transaction, study: Study, purpose: str) -> list[Retraining]:
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
    return {"reason": known.get("reason") or "it was ended"}


def _place(one: Retraining) -> tuple[int, int, int]:
    return one.repeat, one.percent, one.trial
