"""Trainings outside of the search: planned, taken by one process each, kept one by one.

They confirm the best trials with new seeds, or train the best one on less data. Each is a row of
its own, so that a second call goes on where the first was killed, on this machine or another.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from studyhall.storage.database import Database, Row, Transaction
from studyhall.storage.database.connection import PATIENCE_S
from studyhall.storage.leases import budget
from studyhall.storage.leases.leases import Worker
from studyhall.storage.studies.rows import Study

CONFIRM, DATACURVE = "confirm", "datacurve"
POINT_PATIENCE_S = 5.0  # a pointer can wait for the next checkpoint

_COLUMNS = """purpose, trial, repeat, percent, seed, worker, host, pid, gpu_seconds, checkpoint,
    result"""
_KEY = """study_id = :study_id AND purpose = :purpose AND trial = :trial AND repeat = :repeat
    AND percent = :percent"""


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
        host, pid: of that worker.
        gpu_seconds: what it has taken so far, times devices.
        result: what it came to; None before its end.
        checkpoint: the name of the object that whoever takes it next goes on from.
    """

    purpose: str
    trial: int
    repeat: int
    percent: int
    seed: int
    worker: str | None = None
    host: str | None = None
    pid: int | None = None
    gpu_seconds: float = 0.0
    result: dict[str, Any] | None = None
    checkpoint: str | None = None

    @property
    def id(self) -> tuple[int, int, int]:
        """What no other of its study and purpose has."""
        return self.trial, self.repeat, self.percent

    @property
    def key(self) -> dict[str, Any]:
        """What no other of its study has."""
        names = ("purpose", "trial", "repeat", "percent")
        return {name: getattr(self, name) for name in names}


def plan(db: Database, study: Study, purpose: str, wanted: Iterable[Retraining]) -> None:
    """Writes down what is to be trained; what is there stays, what nobody wants or has begun goes.

    Args:
        purpose: of all of them.
    """
    rows = list(wanted)
    ids = {row.id for row in rows}

    def work(transaction: Transaction) -> None:
        budget.lock(transaction, study.study_id)
        for one in _read(transaction, study, purpose):
            if one.id not in ids and one.result is None and one.worker is None:
                transaction.run(
                    f"DELETE FROM studyhall_retrainings WHERE {_KEY}",
                    study_id=study.study_id,
                    **one.key,
                )
        for row in rows:
            transaction.run(
                """
                INSERT INTO studyhall_retrainings
                    (study_id, purpose, trial, repeat, percent, seed)
                VALUES (:study_id, :purpose, :trial, :repeat, :percent, :seed)
                ON CONFLICT (study_id, purpose, trial, repeat, percent) DO NOTHING""",
                study_id=study.study_id,
                seed=row.seed,
                **row.key,
            )

    db.transaction(work)


def read(db: Database, study: Study, purpose: str) -> list[Retraining]:
    """All of one purpose, first repeats first."""
    return db.snapshot(lambda transaction: _read(transaction, study, purpose))


def claim(
    db: Database,
    study: Study,
    purpose: str,
    worker: Worker,
    silence_s: float,
    is_dead: Callable[[Retraining], bool] = lambda one: False,
) -> Retraining | None:
    """Gives the worker one that waits, or whose worker fell silent; None where there is none.

    Args:
        silence_s: seconds without a sign of life after which it is somebody else's.
        is_dead: whether its worker is known to be gone.
    """

    def work(transaction: Transaction) -> Retraining | None:
        budget.lock(transaction, study.study_id)  # one at a time
        silent = _silent(transaction, study, purpose, silence_s)
        for one in _read(transaction, study, purpose):
            held = one.worker not in (None, worker.name) and one.id not in silent
            if one.result is None and (not held or is_dead(one)):
                return _take(transaction, study, one, worker)
        return None

    return db.transaction(work)


def heard(db: Database, study: Study, one: Retraining, gpu_seconds: float) -> bool:
    """Renews it and books what it has taken more; False if another worker has it now."""
    return _written(db, study, one, "heard_at = {now}", gpu_seconds=gpu_seconds)


def point(db: Database, study: Study, one: Retraining, checkpoint: str) -> bool:
    """Points to a new checkpoint, which has been written; False if another worker has it now."""
    change = "heard_at = {now}, checkpoint = :checkpoint"
    return _written(
        db, study, one, change, POINT_PATIENCE_S, gpu_seconds=0.0, checkpoint=checkpoint
    )


def finish(db: Database, study: Study, one: Retraining, result: Any, gpu_seconds: float) -> bool:
    """Keeps its result; False if another worker has it now."""
    text = json.dumps(result)
    change = "heard_at = {now}, finished_at = {now}, result = :result, checkpoint = NULL"
    return _written(db, study, one, change, gpu_seconds=gpu_seconds, result=text)


def revise(db: Database, study: Study, one: Retraining, result: dict[str, Any] | None) -> None:
    """Puts another result in the place of one that is there; None: it is to be trained again."""
    owner = "" if result is not None else ", worker = NULL, finished_at = NULL"
    db.transaction(
        lambda transaction: transaction.run(
            f"""
            UPDATE studyhall_retrainings SET result = :result{owner}
            WHERE {_KEY} AND result IS NOT NULL""",
            study_id=study.study_id,
            result=None if result is None else json.dumps(result),
            **one.key,
        )
    )


def release(db: Database, study: Study, worker: str) -> None:
    """Lets go of what a worker has in hand."""
    db.transaction(
        lambda transaction: transaction.run(
            """
            UPDATE studyhall_retrainings SET worker = NULL
            WHERE study_id = :study_id AND worker = :worker AND result IS NULL""",
            study_id=study.study_id,
            worker=worker,
        )
    )


def _written(
    db: Database,
    study: Study,
    one: Retraining,
    change: str,
    patience_s: float = PATIENCE_S,
    **values: Any,
) -> bool:
    """Whether the row was still its worker's. A try that got through unnoticed is repeated."""
    written = db.transaction(
        lambda transaction: transaction.run(
            f"""
            UPDATE studyhall_retrainings SET {change}, gpu_seconds = gpu_seconds + :gpu_seconds
            WHERE {_KEY} AND worker = :worker AND result IS NULL""",
            study_id=study.study_id,
            worker=one.worker,
            **one.key,
            **values,
        ),
        patience_s=patience_s,
    )
    return written == 1


def _take(transaction: Transaction, study: Study, one: Retraining, worker: Worker) -> Retraining:
    transaction.run(
        f"""
        UPDATE studyhall_retrainings
        SET worker = :worker, host = :host, pid = :pid, heard_at = {{now}} WHERE {_KEY}""",
        study_id=study.study_id,
        worker=worker.name,
        host=worker.host,
        pid=worker.pid,
        **one.key,
    )
    return replace(one, worker=worker.name, host=worker.host, pid=worker.pid)


def _read(transaction: Transaction, study: Study, purpose: str) -> list[Retraining]:
    rows = transaction.rows(
        f"""
        SELECT {_COLUMNS} FROM studyhall_retrainings
        WHERE study_id = :study_id AND purpose = :purpose ORDER BY repeat, percent, trial""",
        study_id=study.study_id,
        purpose=purpose,
    )
    return [_retraining(row) for row in rows]


def _retraining(row: Row) -> Retraining:
    return Retraining(
        row.purpose, row.trial, row.repeat, row.percent, row.seed, row.worker, row.host, row.pid,
        row.gpu_seconds, json.loads(row.result) if row.result else None, row.checkpoint,
    )  # fmt: skip


def _silent(
    transaction: Transaction, study: Study, purpose: str, silence_s: float
) -> set[tuple[int, int, int]]:
    rows = transaction.rows(
        """
        SELECT trial, repeat, percent FROM studyhall_retrainings
        WHERE study_id = :study_id AND purpose = :purpose AND result IS NULL
            AND heard_at < {now} - :silence_s""",
        study_id=study.study_id,
        purpose=purpose,
        silence_s=silence_s,
    )
    return {tuple(row) for row in rows}
