"""What Optuna's identifiers of studies and trials stand for, and a study's other name."""

import sqlalchemy as sa

from studyhall.storage.database import Database
from studyhall.storage.database.urls import StorageError


def study_name(db: Database, study_id: int) -> str | None:
    """The name of a study, whoever has created it; None if there is none."""
    return db.snapshot(
        lambda transaction: transaction.run(
            "SELECT study_name FROM studies WHERE study_id = :id", id=study_id
        ).scalar_one_or_none()
    )


def trial(db: Database, trial_id: int) -> tuple[int, int] | None:
    """The study of a trial and the trial's number; None if there is none, or it is hidden."""
    row = db.snapshot(
        lambda transaction: transaction.row(
            """
            SELECT study_id, number FROM trials
            WHERE trial_id = :id AND study_id IS NOT NULL""",
            id=trial_id,
        )
    )
    return None if row is None else (row[0], row[1])


def rename(db: Database, study_id: int, name: str) -> bool:
    """Gives a study another name; its trials, leases and files stay as they are.

    Returns:
        Whether there is such a study.

    Raises:
        StorageError: another study has the name.
    """
    try:
        return bool(
            db.transaction(
                lambda transaction: (
                    transaction.run(
                        "UPDATE studies SET study_name = :name WHERE study_id = :id",
                        id=study_id,
                        name=name,
                    ).rowcount
                )
            )
        )
    except sa.exc.IntegrityError as error:
        raise StorageError(f"study: received {name!r}, expected a name that is free") from error
