"""The retirement of a study whose copy in another database has taken over its artifacts."""

import json

from studyhall.storage.database import Database, Transaction, companions
from studyhall.storage.leases import budget
from studyhall.storage.studies import copy_checks
from studyhall.storage.studies.rows import Study

MOVED = "moved"  # fact of a study: the URL of the database to which it has been moved


def retire(source: Database, study: Study, seen: copy_checks.Progress, to: str) -> None:
    """Close a study whose copy uses its artifacts: its workers stop, and it says where it went.

    Args:
        source: the database of the study.
        study: the study.
        seen: its `copy_checks.progress` at the time of the copy.
        to: the URL of the copy's database, without a password.

    Raises:
        StorageError: workers have been at the study since.
    """

    def work(transaction: Transaction) -> None:
        budget.lock(transaction, study.study_id)
        if copy_checks.read(transaction, study) != seen:
            raise copy_checks.disturbed(study)
        transaction.run(
            """
            INSERT INTO studyhall_facts (study_id, key, value) VALUES (:study_id, :key, :value)
            ON CONFLICT (study_id, key) DO UPDATE SET value = excluded.value""",
            study_id=study.study_id,
            key=MOVED,
            value=json.dumps(to),
        )
        transaction.run(
            f"UPDATE studyhall_budget SET stop = 1 WHERE study_id IN {companions.family()}",
            study_id=study.study_id,
        )

    source.transaction(work)
