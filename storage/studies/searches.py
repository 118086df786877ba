"""Further searches of a study: what a program asks of it after those before."""

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from studyhall.storage.database import Database, Transaction, encoding
from studyhall.storage.leases import budget
from studyhall.storage.leases.goal import Goal
from studyhall.storage.studies import foreign_trials, rows, studies
from studyhall.storage.studies.rows import Queued, Study

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


def begin(
    db: Database,
    study: Study,
    config: Mapping[str, Any],
    *,
    queue: Iterable[Queued] = (),
    ended: Sequence["FrozenTrial"] = (),
    trials: int,
    seconds: float | None,
    gpu_seconds: float | None,
    goal: Goal | None = None,
) -> Study:
    """Begin a search of a study that exists: its record, queue, trials and budget, all at once.

    Args:
        db: the database.
        study: the study as the caller has read it. Nothing is changed if another process has
            changed its configuration since.
        config: the new configuration.
        queue: configurations to run after those that are queued already.
        ended: trials that another program has run; they count in the budget.
        trials: how many trials it may start in all, with those that it has.
        seconds, gpu_seconds, goal: further limits, as `studies.create` has them.

    Returns:
        The study as it is stored now.

    Raises:
        LookupError: the study is gone.
    """

    def further(transaction: Transaction) -> None:
        _add(transaction, study, ended)
        rows.set_limits(transaction, study.study_id, trials, seconds, gpu_seconds)
        rows.set_goal(transaction, study.study_id, goal or Goal())

    return db.transaction(studies.changing(study, config, queue, further))


def add(
    db: Database,
    study: Study,
    ended: Sequence["FrozenTrial"],
    config: Mapping[str, Any] | None = None,
) -> None:
    """Add trials that another program has run; the budget rises by as many.

    Args:
        db: the database.
        study: the study as the caller has read it.
        ended: the trials.
        config: a new configuration, if they change it; nothing is added if another process has
            changed it since.

    Raises:
        LookupError: the study is gone.
    """

    def work(transaction: Transaction) -> None:
        budget.lock(transaction, study.study_id)
        _add(transaction, study, ended)

    db.transaction(work if config is None else studies.changing(study, config, (), work))


def enqueue(db: Database, study: Study, queued: Queued) -> None:
    """Run a configuration before any that the sampler suggests."""
    token = uuid.uuid4().hex
    db.transaction(lambda transaction: rows.enqueue(transaction, study.study_id, queued, token))


def _add(transaction: Transaction, study: Study, ended: Sequence["FrozenTrial"]) -> None:
    first = budget.lock(transaction, study.study_id).used
    for number, trial in enumerate(ended, start=first):
        _insert(transaction, study, number, trial)
    if ended:
        foreign_trials.publish(transaction, study.study_id, study.name)


def _insert(transaction: Transaction, study: Study, number: int, trial: "FrozenTrial") -> None:
    trial_id = transaction.value(
        """
        INSERT INTO trials (number, study_id, state, datetime_start, datetime_complete)
        VALUES (:number, :study_id, :state, :started, :finished) RETURNING trial_id""",
        number=number,
        study_id=study.study_id,
        state=trial.state.name,
        started=_date(trial.datetime_start),
        finished=_date(trial.datetime_complete),
    )
    for table, found in _of_trial(trial).items():
        foreign_trials.write(transaction, table, [{"trial_id": trial_id, **row} for row in found])


def _of_trial(trial: "FrozenTrial") -> dict[str, list[dict[str, Any]]]:
    """Return the rows that belong to a trial, by table."""
    spaces = trial.distributions
    return {
        "trial_values": [
            {"objective": index, **_number(value, "value")}
            for index, value in enumerate(trial.values or ())
        ],
        "trial_params": [
            {
                "param_name": name,
                "param_value": spaces[name].to_internal_repr(value),
                "distribution_json": encoding.distribution_json(spaces[name]),
            }
            for name, value in trial.params.items()
        ],
        "trial_user_attributes": _attributes(trial.user_attrs),
        "trial_system_attributes": _attributes(trial.system_attrs),
        "trial_intermediate_values": [
            {"step": step, **_number(value, "intermediate_value")}
            for step, value in trial.intermediate_values.items()
        ],
    }


def _attributes(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value_json": json.dumps(value)} for key, value in found.items()]


def _number(value: float, column: str) -> dict[str, Any]:
    finite, kind = encoding.stored(value)
    return {column: finite, f"{column}_type": kind}


def _date(moment: datetime | None) -> str | None:
    """Return a date of a frozen trial (naive local) as Optuna's tables have it, naive UTC."""
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
