"""The trials that finished since somebody last looked, for whoever watches a study."""

import json

from studyhall.storage.database import Database, Transaction
from studyhall.storage.queries import records
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies.rows import Study


def finished_since(db: Database, study: Study, seen: int | None) -> tuple[list[TrialRecord], int]:
    """Trials in the order in which they ended.

    Args:
        db: where the study is.
        study: it.
        seen: what the last call returned, or None to begin with those still to come.

    Returns:
        The trials, and what to give to the next call.
    """

    def work(transaction: Transaction) -> tuple[list[TrialRecord], int]:
        if seen is None:
            return [], _last(transaction, study.study_id)
        rows = transaction.rows(
            """
            SELECT number, sequence FROM studyhall_done
            WHERE study_id = :study_id AND sequence > :seen ORDER BY sequence""",
            study_id=study.study_id,
            seen=seen,
        )
        ended = [records.read(transaction, study.study_id, number)[0] for number, _ in rows]
        return ended, max((sequence for _, sequence in rows), default=seen)

    return db.snapshot(work)


def _last(transaction: Transaction, study_id: int) -> int:
    row = transaction.row(
        "SELECT coalesce(max(sequence), 0) FROM studyhall_done WHERE study_id = :study_id",
        study_id=study_id,
    )
    return 0 if row is None else int(row[0])


def attributes(db: Database, study: Study, key: str, *, trials: int) -> list[object]:
    """One attribute of the trials that finished last.

    Args:
        db: where the study is.
        study: it.
        key: the attribute's name, as told with the trial's result.
        trials: how many trials to look at, at most.
    """
    rows = db.transaction(
        lambda transaction: transaction.rows(
            """
            SELECT a.value_json FROM trial_user_attributes a JOIN (
                SELECT trial_id FROM studyhall_done WHERE study_id = :study_id
                ORDER BY sequence DESC LIMIT :trials) d ON d.trial_id = a.trial_id
            WHERE a.key = :key""",
            study_id=study.study_id,
            trials=trials,
            key=key,
        )
    )
    return [json.loads(row[0]) for row in rows]
