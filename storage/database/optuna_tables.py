"""Optuna's tables, by its schema; `creation` sees to it that a database has this one."""

from typing import Any

import sqlalchemy as sa
from optuna.study import StudyDirection
from optuna.trial import TrialState

_OPTUNA = sa.MetaData()
_KINDS = sa.Enum("FINITE", "INF_POS", "INF_NEG", "NAN", name="floattype")  # SQL knows no infinity


def _table(name: str, key: str, /, **columns: Any) -> sa.Table:
    others = (sa.Column(column, kind) for column, kind in columns.items())
    return sa.Table(name, _OPTUNA, sa.Column(key, sa.Integer, primary_key=True), *others)


def _attributes(kind: str) -> sa.Table:
    owner = f"{kind.split('_')[0]}_id"
    columns = {owner: sa.Integer, "key": sa.String, "value_json": sa.Text}
    return _table(f"{kind}_attributes", f"{kind}_attribute_id", **columns)


studies = _table("studies", "study_id", study_name=sa.String)
study_directions = _table(
    "study_directions",
    "study_direction_id",
    direction=sa.Enum(StudyDirection),
    study_id=sa.Integer,
    objective=sa.Integer,
)
study_user_attributes = _attributes("study_user")
study_system_attributes = _attributes("study_system")
trials = _table(
    "trials",
    "trial_id",
    number=sa.Integer,
    study_id=sa.Integer,
    state=sa.Enum(TrialState),
    datetime_start=sa.DateTime,
    datetime_complete=sa.DateTime,
)
trial_user_attributes = _attributes("trial_user")
trial_system_attributes = _attributes("trial_system")
trial_params = _table(
    "trial_params",
    "param_id",
    trial_id=sa.Integer,
    param_name=sa.String,
    param_value=sa.Float,
    distribution_json=sa.Text,
)
trial_values = _table(
    "trial_values",
    "trial_value_id",
    trial_id=sa.Integer,
    objective=sa.Integer,
    value=sa.Float,
    value_type=_KINDS,
)
trial_intermediate_values = _table(
    "trial_intermediate_values",
    "trial_intermediate_value_id",
    trial_id=sa.Integer,
    step=sa.Integer,
    intermediate_value=sa.Float,
    intermediate_value_type=_KINDS,
)
