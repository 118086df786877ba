"""The record of each use of a study's test set: who scored which model, when, with what result.

A scoring is recorded before the scores are computed, so that of two processes only one is first.
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
        trial: number of the trial whose model was scored.
        model_sha256: SHA-256 of the model's file, hexadecimal.
        who: the user, as user@host.
        scored_at: epoch seconds of the database's clock.
        scores: scores by name; None while they are being computed, or if that was interrupted.
        worst: the samples with the largest errors.
    """

    number: int
    trial: int
    model_sha256: str
    who: str
    scored_at: float
    scores: dict[str, Any] | None
    worst: list[dict[str, Any]]


def read(db: Database, study: Study) -> list[Scoring]:
    """Return all scorings of a study, in their order."""
    return db.snapshot(lambda transaction: _read(transaction, study))


def begin(
    db: Database,
    study: Study,
    trial: int,
    model_sha256: str,
    who: str,
    *,
    again: bool = False,
    after: int | None = None,
) -> Scoring | None:
    """Ask for the use of the test set for a model, and record it.

    Args:
        db: the database of the study.
        study: the study.
        trial: number of the trial whose model it is.
        model_sha256: SHA-256 of the model's file, hexadecimal.
        who: the user, as user@host.
        again: allow it even if this model or another has been scored before.
        after: allow it for another model if there have been exactly so many uses.

    Returns:
        A scoring with `scores` if the model has been scored already; one without if the caller
        must compute them. None if the test set has been used for another model.
    """

    def work(transaction: Transaction) -> Scoring | None:
        budget.lock(transaction, study.study_id)
        found = _read(transaction, study)
        mine = [one for one in found if one.model_sha256 == model_sha256]
        unfinished = [one for one in mine if one.scores is None]
        if unfinished or (mine and not again):
            return (unfinished or mine)[-1]  # an interrupted scoring may be continued
        if found and not again and len(found) != after:
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
    """Store the scores, unless the scoring has some already."""
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
