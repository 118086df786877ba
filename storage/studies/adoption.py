"""The adoption of studies that studyhall has not created: they get our rows beside Optuna's.

Every trial that has ended is published to the feed, from which samplers learn, with a history of
what it reported. The study's budget is what it has used: trials of ours are added by raising it.
"""

import json
import uuid
from collections.abc import Mapping
from typing import Any

from studyhall.storage.database import Database, Transaction, dialects
from studyhall.storage.database.urls import StorageError
from studyhall.storage.studies import deletion, foreign_trials, rows, trash
from studyhall.storage.studies.rows import Study

OPTUNA = "Optuna"
FOREIGN = "foreign"  # key of a study's configuration: the tool that its trials come from
METRIC = "foreign_metric"  # likewise: the metric that its reports are of


def foreign(db: Database) -> list[str]:
    """Return the names of the studies that studyhall has not created, oldest first."""
    found = db.snapshot(
        lambda transaction: transaction.rows(
            """
            SELECT study_name FROM studies WHERE study_id NOT IN (
                SELECT study_id FROM studyhall_studies) ORDER BY study_id"""
        )
    )
    return [name for (name,) in found if not trash.holds(name)]


def about(db: Database, name: str) -> tuple[list[str], list[str], int]:
    """Return a study's directions, the names of its objectives, and its number of trials.

    The names are empty where nobody has set them.

    Raises:
        StorageError: there is no such study.
    """

    def work(transaction: Transaction) -> tuple[list[str], list[str], int]:
        study_id = _identifier(transaction, db, name)
        named = transaction.row(
            """
            SELECT value_json FROM study_system_attributes
            WHERE study_id = :study_id AND key = 'study:metric_names'""",
            study_id=study_id,
        )
        count = transaction.value(
            "SELECT count(*) FROM trials WHERE study_id = :study_id", study_id=study_id
        )
        names = [] if named is None else json.loads(named[0])
        return foreign_trials.directions_of(transaction, study_id), names, int(count)

    return db.snapshot(work)


def check(db: Database, name: str) -> None:
    """Check that a study can be adopted, without writing anything.

    Raises:
        StorageError: there is no such study, it has several objectives, or trials that have not
            ended.
    """

    def work(transaction: Transaction) -> None:
        study_id = _identifier(transaction, db, name)
        _check_directions(transaction, study_id, name)
        foreign_trials.check_ended(transaction, study_id, name)

    db.snapshot(work)


def adopt(
    db: Database, name: str, config: Mapping[str, Any] | None = None, *, seed: int = 0
) -> Study:
    """Write our rows for a study that Optuna has created; its own rows stay as they are.

    Repeated, it publishes the trials that have ended since. A study of ours is left unchanged.

    Args:
        db: the database.
        name: the study's name.
        config: the configuration of the study, if it has none yet.
        seed: the seed of trials to come.

    Returns:
        The study.

    Raises:
        StorageError: there is no such study, it has several objectives, or trials that have not
            ended.
    """

    def work(transaction: Transaction) -> Study:
        deletion.forget_orphans(transaction)
        study_id = _identifier(transaction, db, name)
        known = rows.find(transaction, name)
        if known is not None and FOREIGN not in known.config:
            return known
        if known is None:
            _check_directions(transaction, study_id, name)
            _insert(transaction, study_id, config or {FOREIGN: OPTUNA}, seed)
        study = rows.find(transaction, name)
        assert study is not None
        foreign_trials.publish(transaction, study_id, name, study.config.get(METRIC, "value"))
        return study

    try:
        return db.transaction(work)
    except dialects.driver(db.kind).IntegrityError:  # another process has adopted it meanwhile
        return db.transaction(work)


def _identifier(transaction: Transaction, db: Database, name: str) -> int:
    """Return a study's identifier.

    Raises:
        StorageError: there is no such study.
    """
    row = transaction.row("SELECT study_id FROM studies WHERE study_name = :name", name=name)
    if row is None:
        named = transaction.rows("SELECT study_name FROM studies ORDER BY study_id")
        known = ", ".join(each for (each,) in named if not trash.holds(each)) or "no study"
        raise StorageError(f"there is no study {name!r} in {db}; it has: {known}")
    return int(row[0])


def _check_directions(transaction: Transaction, study_id: int, name: str) -> None:
    count = len(foreign_trials.directions_of(transaction, study_id))
    if count > 1:
        raise StorageError(
            f"study {name!r}: received {count} objectives, expected one: studies of several can't "
            "be adopted"
        )


def _insert(transaction: Transaction, study_id: int, config: Mapping[str, Any], seed: int) -> None:
    rows.insert_own(transaction, study_id, uuid.uuid4().hex, config, seed)
    rows.insert_budget(transaction, study_id, 0, None, None)
