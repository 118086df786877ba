"""The checks before a study is copied: nobody works on it, and its name is free at the target."""

from typing import Any

from studyhall.storage.database import Database, Transaction, companions
from studyhall.storage.database.urls import StorageError
from studyhall.storage.studies.rows import Study

Progress = tuple[tuple[Any, ...], ...]


def progress(db: Database, study: Study) -> Progress:
    """Return what changes whenever a worker claims, continues or ends a trial of a study.

    Raises:
        StorageError: a worker holds a trial of the study, or of one of its hidden studies.
    """
    return db.snapshot(lambda transaction: read(transaction, study))


def check_target(target: Database, name: str) -> None:
    """Check that a database has no study of that name.

    Raises:
        StorageError: it has.
    """
    if target.snapshot(lambda t: t.row("SELECT 1 FROM studies WHERE study_name = :n", n=name)):
        raise taken(target, name)


def read(transaction: Transaction, study: Study) -> Progress:
    """Read the progress of a study in a transaction, see `progress`.

    Raises:
        StorageError: a worker holds a trial.
    """
    held = transaction.row(
        f"""
        SELECT number, worker FROM studyhall_leases
        WHERE held = 1 AND study_id IN {companions.family()} ORDER BY number""",
        study_id=study.study_id,
    )
    if held is not None:
        raise StorageError(
            f"study {study.name!r}: worker {held.worker} holds trial {held.number}: end it first, "
            f"by studyhall stop {study.name}, or if it is dead, by studyhall status {study.name} "
            "--reap"
        )
    found = transaction.rows(
        f"""
        SELECT study_id, trials, used, sequence, active_at FROM studyhall_budget
        WHERE study_id IN {companions.family()} ORDER BY study_id""",
        study_id=study.study_id,
    )
    return tuple(tuple(row) for row in found)


def taken(target: Database, name: str) -> StorageError:
    """Return the error for a target that has a study of that name."""
    return StorageError(
        f"{target}: has a study {name!r} already, expected a database without one: rename or "
        "delete one of the two"
    )


def disturbed(study: Study) -> StorageError:
    """Return the error for a study on which a worker has begun during the copy."""
    return StorageError(f"study {study.name!r}: a worker was at it during the copy: try again")
