"""Studies: create, find, extend, stop, delete; their configuration and the facts about them."""

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from studyhall.storage.database import Database, Transaction, dialects
from studyhall.storage.database.urls import StorageError
from studyhall.storage.leases import budget
from studyhall.storage.studies import rows
from studyhall.storage.studies.directions import MINIMIZE
from studyhall.storage.studies.rows import Queued, Study


def create(
    db: Database,
    name: str,
    *,
    config: Mapping[str, Any],
    seed: int,
    trials: int,
    seconds: float | None = None,
    gpu_seconds: float | None = None,
    directions: Sequence[str] = (MINIMIZE,),
    queue: Iterable[Queued] = (),
) -> tuple[Study, bool]:
    """Creates a study, unless there is one of that name, which is returned as it is.

    Args:
        db: where.
        name: unique in its database.
        config: the checked study file, stored as JSON.
        seed: of the study.
        trials: how many it may start in all.
        seconds: wall clock from the first claim on, while anybody works on it; None is endless.
        gpu_seconds: summed over devices; None is endless.
        directions: of its objectives, minimize or maximize each.
        queue: configurations to run first.

    Returns:
        The study, and whether this call has created it.
    """
    token = uuid.uuid4().hex
    queued = list(queue)

    def work(transaction: Transaction) -> tuple[Study, bool]:
        if (study := rows.find(transaction, name)) is None:
            rows.forget_orphans(transaction)
            study_id = rows.insert(transaction, name, token, config, seed, directions)
            rows.insert_budget(transaction, study_id, trials, seconds, gpu_seconds)
            for each in queued:
                rows.enqueue(transaction, study_id, each, uuid.uuid4().hex)
            study = rows.find(transaction, name)
            assert study is not None
        return study, rows.token(transaction, study) == token

    try:
        return db.transaction(work)
    except dialects.driver(db.kind).IntegrityError as error:
        # Another process was a moment faster.
        if (study := find(db, name)) is None:
            message = f"the name {name!r} belongs to a study that studyhall has not created"
            raise StorageError(message) from error
        return study, False


def find(db: Database, name: str) -> Study | None:
    """The study of that name, if studyhall has created one."""
    return db.snapshot(lambda transaction: rows.find(transaction, name))


def of_trial(db: Database, trial_id: int) -> Study | None:
    """The study that a trial belongs to, if studyhall has created it."""

    def work(transaction: Transaction) -> Study | None:
        found = transaction.rows(
            """
            SELECT study_name FROM studies JOIN trials USING (study_id)
            WHERE trial_id = :trial_id""",
            trial_id=trial_id,
        )
        return rows.find(transaction, found[0][0]) if found else None

    return db.snapshot(work)


def names(db: Database) -> list[str]:
    """Names of all studies, in the order of their creation."""
    rows = db.snapshot(
        lambda transaction: transaction.rows(
            """
            SELECT s.study_name FROM studies s JOIN studyhall_studies h USING (study_id)
            ORDER BY h.created_at, s.study_id"""
        )
    )
    return [row[0] for row in rows]


def extend(
    db: Database,
    study: Study,
    *,
    trials: int = 0,
    seconds: float = 0.0,
    gpu_seconds: float = 0.0,
) -> None:
    """Adds to a study's limits; a limit that is not set stays endless."""
    target: dict[str, Any] = {}  # reckoned once: a repeated try must not add twice

    def work(transaction: Transaction) -> None:
        limits = budget.lock(transaction, study.study_id)
        if not target:
            target["trials"] = limits.trials + trials
            target["seconds"] = _sum(limits.seconds, seconds)
            target["gpu_seconds"] = _sum(limits.gpu_seconds, gpu_seconds)
        _limit(transaction, study, **target)

    db.transaction(work)


def set_limits(
    db: Database,
    study: Study,
    *,
    trials: int,
    seconds: float | None = None,
    gpu_seconds: float | None = None,
) -> None:
    """Sets a study's limits; trials that have been started stay, even beyond the new limit."""
    db.transaction(
        lambda transaction: _limit(
            transaction, study, trials=trials, seconds=seconds, gpu_seconds=gpu_seconds
        )
    )


def change_config(
    db: Database, study: Study, config: Mapping[str, Any], queue: Iterable[Queued] = ()
) -> Study:
    """Replaces the stored configuration and puts others in front, both or neither.

    Args:
        db: where.
        study: as it was read; where another process has changed its configuration meanwhile,
            nothing happens.
        config: the new configuration.
        queue: what runs next, once the trials queued before have begun.

    Returns:
        The study as it is now.

    Raises:
        LookupError: the study is gone.
    """
    queued = [(each, uuid.uuid4().hex) for each in queue]

    def work(transaction: Transaction) -> Study:
        budget.lock(transaction, study.study_id)
        now = rows.find(transaction, study.name)
        if now is None or now.config != study.config:
            return now or study
        for each, token in queued:
            rows.enqueue(transaction, study.study_id, each, token)
        rows.set_config(transaction, study.study_id, config)
        return replace(study, config=dict(config))

    return db.transaction(work)


def delete(db: Database, study: Study) -> None:
    """Deletes a study with all that belongs to it, in Optuna's tables and in ours."""
    db.transaction(lambda transaction: rows.delete(transaction, study.study_id))


def set_fact(db: Database, study: Study, key: str, value: Any) -> None:
    """Remembers something about a study: a fingerprint, an export, a proof."""
    db.transaction(
        lambda transaction: transaction.run(
            """
            INSERT INTO studyhall_facts (study_id, key, value) VALUES (:study_id, :key, :value)
            ON CONFLICT (study_id, key) DO UPDATE SET value = excluded.value""",
            study_id=study.study_id,
            key=key,
            value=json.dumps(value),
        )
    )


def facts(db: Database, study: Study) -> dict[str, Any]:
    """All that has been remembered about a study."""
    rows = db.snapshot(
        lambda transaction: transaction.rows(
            "SELECT key, value FROM studyhall_facts WHERE study_id = :study_id",
            study_id=study.study_id,
        )
    )
    return {key: json.loads(value) for key, value in rows}


def _limit(
    transaction: Transaction,
    study: Study,
    *,
    trials: int,
    seconds: float | None,
    gpu_seconds: float | None,
) -> None:
    transaction.run(
        """
        UPDATE studyhall_budget SET trials = :trials, seconds = :seconds, gpu_seconds = :gpu_seconds
        WHERE study_id = :study_id""",
        study_id=study.study_id,
        trials=trials,
        seconds=seconds,
        gpu_seconds=gpu_seconds,
    )


def _sum(limit: float | None, more: float) -> float | None:
    return None if limit is None else limit + more
