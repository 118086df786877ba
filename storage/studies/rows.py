"""The rows of a study: insert, read and rename them; find studies by identifier."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from studyhall.storage.database import Database, Transaction, dialects
from studyhall.storage.database.urls import StorageError
from studyhall.storage.leases.goal import Goal
from studyhall.storage.studies import moved
from studyhall.storage.studies.directions import MINIMIZE, as_optunas


@dataclass(frozen=True)
class Study:
    """A study.

    Attributes:
        study_id: Optuna's identifier; that of a hidden study (`storage.database.companions`) is
            negative.
        name: unique in the database; a hidden study has the name of the study it belongs to.
        seed: the study's seed.
        config: the checked study file.
        created_at: epoch seconds of the database's clock.
        directions: "minimize" or "maximize" for each objective.
        purpose: the purpose of a hidden study; None for an ordinary one.
    """

    study_id: int
    name: str
    seed: int
    config: dict[str, Any]
    created_at: float
    directions: tuple[str, ...] = (MINIMIZE,)
    purpose: str | None = None

    @property
    def direction(self) -> str:
        """The direction of the first objective, by which trials are ranked."""
        return self.directions[0]


@dataclass(frozen=True)
class Queued:
    """A configuration that runs before the sampler draws further ones.

    Args:
        params: values by hyperparameter; the sampler draws those that are missing.
        attributes: user attributes that its trial has from the beginning.
    """

    params: Mapping[str, Any]
    attributes: Mapping[str, Any] = field(default_factory=dict)


def find(transaction: Transaction, name: str) -> Study | None:
    """Return the study of that name; None if there is none that studyhall has created."""
    row = transaction.row(
        """
        SELECT s.study_id, s.study_name, h.seed, h.config, h.created_at
        FROM studies s JOIN studyhall_studies h ON h.study_id = s.study_id
        WHERE s.study_name = :name""",
        name=name,
    )
    if row is None:
        return None
    directions = transaction.rows(
        "SELECT direction FROM study_directions WHERE study_id = :study_id ORDER BY objective",
        study_id=row.study_id,
    )
    return Study(
        row.study_id,
        row.study_name,
        row.seed,
        moved.located(transaction, json.loads(row.config)),
        row.created_at,
        tuple(direction.lower() for (direction,) in directions) or (MINIMIZE,),
    )


def token(transaction: Transaction, study: Study) -> str:
    """Return the token of the call that created a study; "" if the study is gone."""
    row = transaction.row(
        "SELECT token FROM studyhall_studies WHERE study_id = :study_id", study_id=study.study_id
    )
    return "" if row is None else str(row[0])


def insert(
    transaction: Transaction,
    name: str,
    token: str,
    config: Mapping[str, Any],
    seed: int,
    directions: Sequence[str] = (MINIMIZE,),
) -> int:
    """Insert a study into Optuna's tables and ours; return its identifier.

    Raises:
        IntegrityError: (the driver's) the name is taken.
    """
    study_id = transaction.value(
        "INSERT INTO studies (study_name) VALUES (:name) RETURNING study_id", name=name
    )
    for objective, direction in enumerate(as_optunas(directions)):
        transaction.run(
            """
            INSERT INTO study_directions (direction, study_id, objective)
            VALUES (:direction, :study_id, :objective)""",
            direction=direction,
            study_id=study_id,
            objective=objective,
        )
    insert_own(transaction, study_id, token, config, seed)
    return int(study_id)


def insert_own(
    transaction: Transaction, study_id: int, token: str, config: Mapping[str, Any], seed: int
) -> None:
    """Insert our row of a study that Optuna's tables hold."""
    transaction.run(
        """
        INSERT INTO studyhall_studies (study_id, seed, config, created_at, token)
        VALUES (:study_id, :seed, :config, {now}, :token)""",
        study_id=study_id,
        seed=seed,
        config=json.dumps(moved.with_places(transaction, config)),
        token=token,
    )


def set_config(transaction: Transaction, study_id: int, config: Mapping[str, Any]) -> None:
    """Replace a study's configuration."""
    transaction.run(
        "UPDATE studyhall_studies SET config = :config WHERE study_id = :study_id",
        study_id=study_id,
        config=json.dumps(moved.with_places(transaction, config)),
    )


def insert_budget(
    transaction: Transaction,
    study_id: int,
    trials: int,
    seconds: float | None,
    gpu_seconds: float | None,
    goal: Goal | None = None,
) -> None:
    """Insert a study's budget row; None for seconds or GPU seconds means no limit."""
    transaction.run(
        """
        INSERT INTO studyhall_budget (study_id, trials, seconds, gpu_seconds)
        VALUES (:study_id, :trials, :seconds, :gpu_seconds)""",
        study_id=study_id,
        trials=trials,
        seconds=seconds,
        gpu_seconds=gpu_seconds,
    )
    if goal is not None:
        set_goal(transaction, study_id, goal)


def set_goal(transaction: Transaction, study_id: int, goal: Goal) -> None:
    """Replace a study's goal."""
    transaction.run(
        """
        UPDATE studyhall_budget SET target = :target, stop_after = :stop_after,
            min_improvement = :min_improvement
        WHERE study_id = :study_id""",
        study_id=study_id,
        **asdict(goal),
    )


def set_limits(
    transaction: Transaction,
    study_id: int,
    trials: int,
    seconds: float | None,
    gpu_seconds: float | None,
) -> None:
    """Replace a study's limits; None for seconds or GPU seconds means no limit."""
    transaction.run(
        """
        UPDATE studyhall_budget SET trials = :trials, seconds = :seconds, gpu_seconds = :gpu_seconds
        WHERE study_id = :study_id""",
        study_id=study_id,
        trials=trials,
        seconds=seconds,
        gpu_seconds=gpu_seconds,
    )


def enqueue(transaction: Transaction, study_id: int, queued: Queued, token: str) -> None:
    """Append a configuration to the queue, unless it holds one with the same token."""
    transaction.run(
        """
        INSERT INTO studyhall_queue (study_id, params, attributes, token)
        VALUES (:study_id, :params, :attributes, :token) ON CONFLICT (token) DO NOTHING""",
        study_id=study_id,
        params=json.dumps(queued.params),
        attributes=json.dumps(queued.attributes) if queued.attributes else None,
        token=token,
    )


def name_of(db: Database, study_id: int) -> str | None:
    """Return a study's name, also if studyhall has not created it; None if there is no study."""
    row = db.snapshot(
        lambda transaction: transaction.row(
            "SELECT study_name FROM studies WHERE study_id = :id", id=study_id
        )
    )
    return None if row is None else str(row[0])


def of_trial(db: Database, trial_id: int) -> tuple[int, int] | None:
    """Return a trial's study_id and number; None if there is no such trial or it is hidden."""
    row = db.snapshot(
        lambda transaction: transaction.row(
            "SELECT study_id, number FROM trials WHERE trial_id = :id AND study_id IS NOT NULL",
            id=trial_id,
        )
    )
    return None if row is None else (row[0], row[1])


def rename(db: Database, study_id: int, name: str) -> bool:
    """Rename a study; its trials, leases and files don't change.

    Returns:
        False if there is no such study.

    Raises:
        StorageError: another study has the name.
    """
    try:
        return bool(
            db.transaction(
                lambda transaction: transaction.run(
                    "UPDATE studies SET study_name = :name WHERE study_id = :id",
                    id=study_id,
                    name=name,
                )
            )
        )
    except dialects.driver(db.kind).IntegrityError as error:
        raise StorageError(f"study: received {name!r}, expected an unused name") from error
