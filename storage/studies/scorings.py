"""The lock on a study's test set: who has scored which model on it, when, and with what result.

A scoring is written down before the scores are computed, so of two processes one is the first.
"""

import json
from dataclasses import dataclass
from typing import Any

from studyhall.storage.database import Database, Row, Transaction
from studyhall.storage.leases import budget
from studyhall.storage.studies.rows import Study


@dataclass(frozen=True)
class Scoring:
    """One use of the test set.

    Args:
        number: 1 for the first.
        trial: whose model was scored.
        model_sha256: which model it was.
        who: user@host.
        scored_at: epoch seconds of the database's clock.
        scores: None while they are being computed, or if that was interrupted.
        worst: the samples that the model is most wrong about.
    """

    number: int
    trial: int
    model_sha256: str
    who: str
    scored_at: float
    scores: dict[str, Any] | None
    worst: list[dict[str, Any]]


def read(db: Database, study: Study) -> list[Scoring]:
    """All of them, the first one first."""
    return db.snapshot(lambda transaction: _read(transaction, study))


def begin(
    db: Database, study: Study, trial: int, model_sha256: str, who: str, *, again: bool = False
) -> Scoring | None:
    """Opens the test set to a model.

    Args:
        again: also where it has been scored before, be it this model or another.

    Returns:
        With scores, if this model has them; without, it is to be scored. None if the test set
        has been used for another model.
    """

    def work(transaction: Transaction) -> Scoring | None:
        budget.lock(transaction, study.study_id)
        found = _read(transaction, study)
        mine = [one for one in found if one.model_sha256 == model_sha256]
        unfinished = [one for one in mine if one.scores is None]
        if unfinished or (mine and not again):
            return (unfinished or mine)[-1]
        if found and not again:
            return None
        _insert(transaction, study, len(found) + 1, trial, model_sha256, who)
        return _read(transaction, study)[-1]

    return db.transaction(work)


def finish(
    db: Database,
    study: Study,
    scoring: Scoring,
    scores: dict[str, Any],
    worst: list[dict[str, Any]],
) -> None:
    """Keeps the scores; those that are there stay."""
    db.transaction(
        lambda transaction: transaction.run(
            """
            UPDATE studyhall_scorings SET scores = :scores, worst = :worst
            WHERE study_id = :study_id AND number = :number AND scores IS NULL""",
            study_id=study.study_id,
            number=scoring.number,
            scores=json.dumps(scores),
            worst=json.dumps(worst),
        )
    )


def _insert(
    transaction: Transaction, study: Study, number: int, trial: int, model_sha256: str, who: str
) -> None:
    transaction.run(
        """
        INSERT INTO studyhall_scorings (study_id, number, trial, model_sha256, who, scored_at)
        VALUES (:study_id, :number, :trial, :model_sha256, :who, {now})""",
        study_id=study.study_id,
        number=number,
        trial=trial,
        model_sha256=model_sha256,
        who=who,
    )


def _read(transaction: Transaction, study: Study) -> list[Scoring]:
    rows = transaction.rows(
        """
        SELECT number, trial, model_sha256, who, scored_at, scores, worst FROM studyhall_scorings
        WHERE study_id = :study_id ORDER BY number""",
        study_id=study.study_id,
    )
    return [_scoring(row) for row in rows]


def _scoring(row: Row) -> Scoring:
    scores = json.loads(row.scores) if row.scores else None
    worst = json.loads(row.worst or "[]")
    return Scoring(row.number, row.trial, row.model_sha256, row.who, row.scored_at, scores, worst)
