"""The studies: create, find, extend and delete them; their configuration and facts."""

import json
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from studyhall.storage.database import Database, Transaction, dialects
from studyhall.storage.database.urls import StorageError
from studyhall.storage.leases import budget
from studyhall.storage.leases.goal import Goal
from studyhall.storage.studies import deletion, rows
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
    goal: Goal | None = None,
    directions: Sequence[str] = (MINIMIZE,),
    queue: Iterable[Queued] = (),
) -> tuple[Study, bool]:
    """Create a study, or return the existing study of that name unchanged.

    Args:
        db: the database.
        name: unique in its database.
        config: the checked study file, stored as JSON.
        seed: the study's seed.
        trials: how many trials it may start in all.
        seconds: limit of the wall-clock time during which at least one worker is active, from the
            first claim on; None for no limit.
        gpu_seconds: limit of the seconds summed over all devices; None for no limit.
        goal: what ends it before its budget does; None: nothing.
        directions: "minimize" or "maximize" for each objective.
        queue: configurations to run first.

    Returns:
        The study, and whether this call has created it.

    Raises:
        StorageError: the name is taken by a study that studyhall has not created.
    """
    token = uuid.uuid4().hex
    queued = list(queue)

    def work(transaction: Transaction) -> tuple[Study, bool]:
        if (study := rows.find(transaction, name)) is None:
            deletion.forget_orphans(transaction)
            study_id = rows.insert(transaction, name, token, config, seed, directions)
            rows.insert_budget(transaction, study_id, trials, seconds, gpu_seconds, goal)
            for each in queued:
                rows.enqueue(transaction, study_id, each, uuid.uuid4().hex)
            study = rows.find(transaction, name)
            assert study is not None
        # The stored token is this call's if it has created the study, also in an earlier try.
        return study, rows.token(transaction, study) == token

    try:
        return db.transaction(work)
    except dialects.driver(db.kind).IntegrityError as error:
        # Another process has created a study of that name in the meantime.
        if (study := find(db, name)) is None:
            message = (
                f"the name {name!r} belongs to a study that studyhall has not created; to go on "
                f"with it: studyhall adopt {name}"
            )
            raise StorageError(message) from error
        return study, False


def find(db: Database, name: str) -> Study | None:
    """Return the study of that name; None if there is none that studyhall has created."""
    return db.snapshot(lambda transaction: rows.find(transaction, name))


def of_trial(db: Database, trial_id: int) -> Study | None:
    """Return the study that a trial belongs to; None if studyhall has not created it."""

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
    """Return the names of all studies that studyhall has created, oldest first."""
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
    """Raise a study's limits by these amounts; a limit that is not set stays unset.

    Raises:
        LookupError: the study is gone.
    """
    target: dict[str, Any] = {}  # computed in the first try: a repeated one must not add twice

    def work(transaction: Transaction) -> None:
        limits = budget.lock(transaction, study.study_id)
        if not target:
            target["trials"] = limits.trials + trials
            target["seconds"] = _sum(limits.seconds, seconds)
            target["gpu_seconds"] = _sum(limits.gpu_seconds, gpu_seconds)
        rows.set_limits(transaction, study.study_id, **target)

    db.transaction(work)


def set_limits(
    db: Database,
    study: Study,
    *,
    trials: int,
    seconds: float | None = None,
    gpu_seconds: float | None = None,
    goal: Goal | None = None,
) -> None:
    """Set a study's limits and its goal; None means no limit and no goal.

    Trials that have been started go on, even if there are more than the new limit allows.
    """

    def work(transaction: Transaction) -> None:
        rows.set_limits(transaction, study.study_id, trials, seconds, gpu_seconds)
        rows.set_goal(transaction, study.study_id, goal or Goal())

    db.transaction(work)


def change_config(
    db: Database, study: Study, config: Mapping[str, Any], queue: Iterable[Queued] = ()
) -> Study:
    """Replace the stored configuration and queue configurations of trials, in one transaction.

    Args:
        db: the database.
        study: the study as the caller has read it. Nothing is changed if another process has
            changed its configuration since.
        config: the new configuration.
        queue: configurations of trials, to run after those that are queued already.

    Returns:
        The study as it is stored now.

    Raises:
        LookupError: the study is gone.
    """
    return db.transaction(changing(study, config, queue))


def changing(
    study: Study,
    config: Mapping[str, Any],
    queue: Iterable[Queued],
    further: Callable[[Transaction], None] = lambda transaction: None,
) -> Callable[[Transaction], Study]:
    """Return the work of `change_config` in its transaction, with further changes if it does any.

    Args:
        study, config, queue: as `change_config` takes them.
        further: called once the configurations are queued.
    """
    queued = [(each, uuid.uuid4().hex) for each in queue]

    def work(transaction: Transaction) -> Study:
        budget.lock(transaction, study.study_id)
        now = rows.find(transaction, study.name)
        if now is None or now.config != study.config:
            return now or study
        for each, token in queued:
            rows.enqueue(transaction, study.study_id, each, token)
        further(transaction)
        rows.set_config(transaction, study.study_id, config)
        return replace(study, config=dict(config))

    return work


def delete(db: Database, study: Study) -> None:
    """Delete all rows of a study, in Optuna's tables and ours; files are not deleted."""
    db.transaction(lambda transaction: deletion.delete_study(transaction, study.study_id))


def set_fact(db: Database, study: Study, key: str, value: Any) -> None:
    """Store a fact about a study, such as a fingerprint, in place of one with the same key.

    Args:
        db: the database.
        study: the study.
        key: the fact's name.
        value: anything that JSON can hold.
    """
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
    """Return all facts about a study, by key."""
    rows = db.snapshot(
        lambda transaction: transaction.rows(
            "SELECT key, value FROM studyhall_facts WHERE study_id = :study_id",
            study_id=study.study_id,
        )
    )
    return {key: json.loads(value) for key, value in rows}


def _sum(limit: float | None, more: float) -> float | None:
    return None if limit is None else limit + more
