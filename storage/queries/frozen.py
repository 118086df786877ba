"""The reading of Optuna's frozen studies and trials by plain SQL, without its object mapper."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from optuna.distributions import BaseDistribution, json_to_distribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from studyhall.storage.database import Database, Row, Transaction, encoding
from studyhall.storage.database.optuna_names import FrozenStudy

_MANY = 512  # more trials than these are read with the whole study: SQLite limits bound values

_PARTS = (
    "trial_params", "trial_values", "trial_intermediate_values", "trial_user_attributes",
    "trial_system_attributes",
)  # fmt: skip

Rows = defaultdict[int, list[Row]]  # by the identifier of their study or trial


def studies(transaction: Transaction) -> list[Any]:
    """Return all studies as Optuna's `FrozenStudy`, sorted by identifier."""
    directions = _of_studies(transaction, "study_directions")
    user = _of_studies(transaction, "study_user_attributes")
    system = _of_studies(transaction, "study_system_attributes")
    return [
        FrozenStudy(
            study_name=name,
            direction=None,
            directions=[StudyDirection[row.direction] for row in directions[study_id]],
            user_attrs=_attributes(user[study_id]),
            system_attrs=_attributes(system[study_id]),
            study_id=study_id,
        )
        for study_id, name in transaction.rows(
            "SELECT study_id, study_name FROM studies ORDER BY study_id"
        )
    ]


def of_study(db: Database, study_id: int) -> list[FrozenTrial]:
    """Return all trials of a study, sorted by number."""

    def work(transaction: Transaction) -> list[FrozenTrial]:
        rows = transaction.rows("SELECT trial_id FROM trials WHERE study_id = :id", id=study_id)
        return trials(transaction, study_id, [trial_id for (trial_id,) in rows])

    return sorted(db.snapshot(work), key=lambda trial: trial.number)


def trials(transaction: Transaction, study_id: int, wanted: Collection[int]) -> list[FrozenTrial]:
    """Return trials of a study; of more than 512 wanted ones, all trials of the study.

    Args:
        transaction: the one to read in.
        study_id: Optuna's identifier of the study.
        wanted: Optuna's identifiers of the trials.
    """
    if not wanted:
        return []
    some = [*wanted] if len(wanted) <= _MANY else []
    parts = [_of_trials(transaction, table, study_id, some) for table in _PARTS]
    rows = _of_trials(transaction, "trials", study_id, some)
    return [_trial(row, *(part[row.trial_id] for part in parts)) for (row,) in rows.values()]


def _of_studies(transaction: Transaction, table: str) -> Rows:
    """Return a table's rows by study, in the order of insertion."""
    return _grouped(transaction.rows(f"SELECT * FROM {table} ORDER BY 1"), "study_id")


def _of_trials(transaction: Transaction, table: str, study_id: int, some: list[int]) -> Rows:
    """Return a table's rows of a study by trial, in the order of insertion.

    Args:
        transaction: the one to read in.
        table: the table's name.
        study_id: Optuna's identifier of the study.
        some: identifiers of the trials to read; all trials if it is empty.
    """
    places = _padded(some)
    among = f" AND t.trial_id IN (:{', :'.join(places)})" if places else ""
    return _grouped(
        transaction.rows(
            f"""
            SELECT a.* FROM {table} a JOIN trials t ON t.trial_id = a.trial_id
            WHERE t.study_id = :study_id{among} ORDER BY 1""",
            study_id=study_id,
            **places,
        ),
        "trial_id",
    )


def _padded(some: list[int]) -> dict[str, int]:
    """Return named values, repeated up to the next power of two.

    The text of a statement then depends on few lengths, so that few are compiled and cached.
    """
    count = 1 << (len(some) - 1).bit_length() if some else 0
    return {f"one{at}": some[min(at, len(some) - 1)] for at in range(count)}


def _grouped(rows: list[Row], owner: str) -> Rows:
    found: Rows = defaultdict(list)
    for row in rows:
        found[getattr(row, owner)].append(row)
    return found


def _trial(
    row: Any, params: list[Any], values: list[Any], reports: list[Any], user: Any, system: Any
) -> FrozenTrial:
    spaces = {each.param_name: _distribution(each.distribution_json) for each in params}
    return FrozenTrial(
        number=row.number,
        state=TrialState[row.state],
        value=None,
        values=list(_numbers(sorted(values, key=lambda each: each.objective))) or None,
        datetime_start=_local(row.datetime_start),
        datetime_complete=_local(row.datetime_complete),
        params={p.param_name: spaces[p.param_name].to_external_repr(p.param_value) for p in params},
        distributions=spaces,
        user_attrs=_attributes(user),
        system_attrs=_attributes(system),
        intermediate_values={
            each.step: _number(each.intermediate_value, each.intermediate_value_type)
            for each in reports
        },
        trial_id=row.trial_id,
    )


def _attributes(rows: list[Any]) -> dict[str, Any]:
    return {row.key: json.loads(row.value_json) for row in rows}


def _numbers(rows: list[Any]) -> Iterator[float]:
    return (_number(row.value, row.value_type) for row in rows)


def _number(value: float, kind: str) -> float:
    return encoding.BY_KIND.get(kind, value)


@lru_cache(maxsize=4096)
def _distribution(text: str) -> BaseDistribution:
    return json_to_distribution(text)


def moment(stored: Any) -> datetime | None:
    """Return a date of Optuna's tables, which the driver gives as a text on SQLite."""
    return datetime.fromisoformat(stored) if isinstance(stored, str) else stored


def _local(stored: Any) -> datetime | None:
    """Convert a date of Optuna's tables (naive UTC) to that of a frozen trial (naive local)."""
    utc = moment(stored)
    return utc and utc.replace(tzinfo=UTC).astimezone().replace(tzinfo=None)
