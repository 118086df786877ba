"""Optuna's storage for those who only look: whole studies in a few plain statements.

Optuna reads a study of 1,000 trials through its object mapper, which takes many times as long.
What is read is the same; trials that have ended are kept in memory, since they never change.
"""

import copy
import json
from collections import defaultdict
from collections.abc import Collection, Container, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from optuna.distributions import BaseDistribution, json_to_distribution
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial, TrialState

from studyhall.storage.database import Database, Transaction, dialects, read_only
from studyhall.storage.studies import trash

_TRIALS = models.TrialModel.__table__.c
_STUDIES = models.StudyModel.__table__.c
_MANY = 500  # trials up to which they are asked for one by one; SQLite takes no endless lists
_NOT_FINITE = {"INF_POS": float("inf"), "INF_NEG": float("-inf"), "NAN": float("nan")}

Rows = defaultdict[int, list[Any]]  # by the identifier of their study or trial


class Reader(RDBStorage):
    """All studies of a database but those in the trash, through a connection that can't write."""

    def __init__(self, db: Database) -> None:
        url = read_only.url(db)
        super().__init__(
            url.render_as_string(hide_password=False).replace("{", "{{").replace("}", "}}"),
            engine_kwargs=dialects.reading_options(url),
            skip_compatibility_check=True,
            skip_table_creation=True,
        )
        self._db = read_only.opened(db)
        self._ended: defaultdict[int, dict[int, tuple[datetime | None, FrozenTrial]]]
        self._ended = defaultdict(dict)

    def get_all_studies(self) -> list[FrozenStudy]:
        """All studies, by their identifiers."""
        return [
            study
            for study in self._db.snapshot(_frozen_studies)
            if not trash.holds(study.study_name)
        ]

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """All trials of a study, by number.

        Raises:
            KeyError: there is no such study.
        """
        trials = self._db.snapshot(lambda transaction: self._read(transaction, study_id))
        if states is not None:
            trials = [trial for trial in trials if trial.state in states]
        return copy.deepcopy(trials) if deepcopy else trials

    def close(self) -> None:
        """Closes its connections."""
        self._db.close()
        self.engine.dispose()

    def _read(self, transaction: Transaction, study_id: int) -> list[FrozenTrial]:
        found = _found(transaction, study_id)
        known = self._ended[study_id]
        new = [trial_id for trial_id, ended in found if known.get(trial_id, (None,))[0] != ended]
        new += [trial_id for trial_id, ended in found if ended is None]
        read = {trial._trial_id: trial for trial in _frozen_trials(transaction, study_id, new)}
        self._ended[study_id] = {
            trial_id: (ended, read.get(trial_id) or known[trial_id][1])
            for trial_id, ended in found
            if ended is not None
        }
        return [read.get(trial_id) or known[trial_id][1] for trial_id, _ in found]


def _found(transaction: Transaction, study_id: int) -> list[tuple[int, datetime | None]]:
    """Every trial of a study by number, with the moment of its end."""
    run = transaction.connection.execute
    if run(sa.select(_STUDIES.study_id).where(_STUDIES.study_id == study_id)).first() is None:
        raise KeyError(f"no study has the identifier {study_id}")
    asked = sa.select(_TRIALS.trial_id, _TRIALS.datetime_complete).order_by(_TRIALS.number)
    return [(row[0], row[1]) for row in run(asked.where(_TRIALS.study_id == study_id))]


def _frozen_studies(transaction: Transaction) -> list[FrozenStudy]:
    """All studies, by their identifiers."""
    directions = _rows(transaction, models.StudyDirectionModel)
    user = _rows(transaction, models.StudyUserAttributeModel)
    system = _rows(transaction, models.StudySystemAttributeModel)
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


def _frozen_trials(
    transaction: Transaction, study_id: int, wanted: Collection[int]
) -> list[FrozenTrial]:
    """Trials of a study.

    Args:
        transaction: of the reader.
        study_id: Optuna's identifier of the study.
        wanted: Optuna's identifiers of the trials.
    """
    if not wanted:
        return []
    trial = models.TrialModel.__table__.c
    of = trial.study_id == study_id
    if len(wanted) <= _MANY:
        of = of & trial.trial_id.in_(wanted)
    kinds = (
        models.TrialParamModel,
        models.TrialValueModel,
        models.TrialIntermediateValueModel,
        models.TrialUserAttributeModel,
        models.TrialSystemAttributeModel,
    )
    parts = [_rows(transaction, kind, of) for kind in kinds]
    rows = transaction.connection.execute(sa.select(models.TrialModel.__table__).where(of))
    return [_trial(row, *(part[row.trial_id] for part in parts)) for row in rows]


def _rows(transaction: Transaction, model: Any, of: Any = None) -> Rows:
    """A table's rows in their order, by study, or those of some trials, by trial."""
    table = model.__table__
    statement = sa.select(table).order_by(*table.primary_key)
    owner = "study_id"
    if of is not None:
        owner, trials = "trial_id", models.TrialModel.__table__
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
    return _NOT_FINITE.get(kind.name, value)


@lru_cache(maxsize=4096)
def _distribution(text: str) -> BaseDistribution:
    return json_to_distribution(text)


def _local(utc: datetime | None) -> datetime | None:
    """Optuna's tables hold naive UTC, its frozen trials naive local time."""
    return utc and utc.replace(tzinfo=UTC).astimezone().replace(tzinfo=None)
