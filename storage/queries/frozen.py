"""Optuna's frozen studies and trials, read by plain statements."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from optuna.distributions import BaseDistribution, json_to_distribution
from optuna.trial import FrozenTrial

from studyhall.storage.database import Transaction
from studyhall.storage.database import optuna_tables as tables
from studyhall.storage.database.optuna_names import FrozenStudy

_MANY = 500  # trials up to which they are asked for one by one; SQLite takes no endless lists
_NOT_FINITE = {"INF_POS": float("inf"), "INF_NEG": float("-inf"), "NAN": float("nan")}

Rows = defaultdict[int, list[Any]]  # by the identifier of their study or trial


def studies(transaction: Transaction) -> list[Any]:
    """All studies, by their identifiers."""
    directions = _rows(transaction, tables.study_directions)
    user = _rows(transaction, tables.study_user_attributes)
    system = _rows(transaction, tables.study_system_attributes)
    return [
        FrozenStudy(
            study_name=name,
            direction=None,
            directions=[row.direction for row in directions[study_id]],
            user_attrs=_attributes(user[study_id]),
            system_attrs=_attributes(system[study_id]),
            study_id=study_id,
        )
        for study_id, name in transaction.rows(
            "SELECT study_id, study_name FROM studies ORDER BY study_id"
        )
    ]


def trials(transaction: Transaction, study_id: int, wanted: Collection[int]) -> list[FrozenTrial]:
    """Trials of a study.

    Args:
        transaction: of the reader.
        study_id: Optuna's identifier of the study.
        wanted: Optuna's identifiers of the trials.
    """
    if not wanted:
        return []
    trial = tables.trials.c
    of = trial.study_id == study_id
    if len(wanted) <= _MANY:
        of = of & trial.trial_id.in_(wanted)
    kinds = (
        tables.trial_params,
        tables.trial_values,
        tables.trial_intermediate_values,
        tables.trial_user_attributes,
        tables.trial_system_attributes,
    )
    parts = [_rows(transaction, kind, of) for kind in kinds]
    rows = transaction.connection.execute(sa.select(tables.trials).where(of))
    return [_trial(row, *(part[row.trial_id] for part in parts)) for row in rows]


def _rows(transaction: Transaction, table: sa.Table, of: Any = None) -> Rows:
    """A table's rows in their order, by study, or those of some trials, by trial."""
    statement = sa.select(table).order_by(*table.primary_key)
    owner = "study_id"
    if of is not None:
        owner, trials = "trial_id", tables.trials
        statement = statement.join(trials, trials.c.trial_id == table.c.trial_id).where(of)
    rows: Rows = defaultdict(list)
    position = list(table.c.keys()).index(owner)
    for row in transaction.connection.execute(statement):
        rows[row[position]].append(row)
    return rows


def _trial(
    row: Any, params: list[Any], values: list[Any], reports: list[Any], user: Any, system: Any
) -> FrozenTrial:
    spaces = {each.param_name: _distribution(each.distribution_json) for each in params}
    return FrozenTrial(
        number=row.number,
        state=row.state,
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


def _number(value: float, kind: Any) -> float:
    return _NOT_FINITE.get(kind, value)


@lru_cache(maxsize=4096)
def _distribution(text: str) -> BaseDistribution:
    return json_to_distribution(text)


def _local(utc: datetime | None) -> datetime | None:
    """Optuna's tables hold naive UTC, its frozen trials naive local time."""
    return utc and utc.replace(tzinfo=UTC).astimezone().replace(tzinfo=None)
