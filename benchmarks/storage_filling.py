"""Large studies in no time: rows written by the database itself, in Optuna's tables and in ours."""

import array
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from studyhall.storage.database import Database, Transaction, encoding
from studyhall.storage.studies import studies
from studyhall.storage.studies.rows import Study

EPOCHS = 30
SPACE: dict[str, BaseDistribution] = {
    "learning_rate": FloatDistribution(1e-5, 1e-1, log=True),
    "l2": FloatDistribution(1e-7, 1e-2, log=True),
    "dropout": FloatDistribution(0.0, 0.6),
    "depth": IntDistribution(1, 4),
    "width": IntDistribution(16, 256, log=True),
    "optimizer": CategoricalDistribution(("adam", "rmsprop", "sgd")),
    "activation": CategoricalDistribution(("relu", "elu", "tanh", "selu")),
}
VALUES: dict[str, Any] = {
    "learning_rate": 1e-3,
    "l2": 1e-5,
    "dropout": 0.2,
    "depth": 2,
    "width": 64,
    "optimizer": "adam",
    "activation": "relu",
}

_NUMBERS = """
    WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < :count)
"""


def fill(
    db: Database, name: str, *, finished: int, running: int = 0, reports: bool = True
) -> Study:
    """Creates a study with so many trials, a quarter of them pruned after ten epochs.

    Args:
        finished: trials that have ended.
        running: trials in the hands of other workers, at epoch 15.
        reports: whether Optuna's tables hold parameters and reports as well, which plain Optuna
            reads and our workers don't.
    """
    study, _ = studies.create(db, name, config={}, seed=0, trials=10**9)
    db.transaction(lambda t: _fill(t, study.study_id, finished, running, reports))
    if db.kind == "postgresql":
        db.transaction(lambda t: t.run("ANALYZE"))
    return study


def _fill(t: Transaction, study_id: int, finished: int, running: int, reports: bool) -> None:
    first = _trials(t, study_id, finished, running)
    _done(t, study_id, first, finished)
    _leases(t, study_id, first + finished, finished, running)
    t.run(
        """
        UPDATE studyhall_budget SET used = :used, drawn = :used, sequence = :sequence,
            started_at = {now} WHERE study_id = :study_id""",
        study_id=study_id,
        used=finished + running,
        sequence=finished,
    )
    if reports:
        _reports(t, study_id)


def _trials(t: Transaction, study_id: int, finished: int, running: int) -> int:
    ended = "CASE WHEN n % 4 = 3 THEN 'PRUNED' ELSE 'COMPLETE' END"
    state = f"CASE WHEN n >= :finished THEN 'RUNNING' ELSE {ended} END"
    if t.kind == "postgresql":
        state = f"CAST({state} AS trialstate)"
    t.run(
        f"""
        INSERT INTO trials (number, study_id, state, datetime_start, datetime_complete)
        {_NUMBERS} SELECT n, :study_id, {state}, {{utc}}, CASE WHEN n < :finished THEN {{utc}} END
        FROM numbers""",
        study_id=study_id,
        finished=finished,
        count=finished + running,
    )
    return int(t.value("SELECT min(trial_id) FROM trials WHERE study_id = :id", id=study_id))


def _done(t: Transaction, study_id: int, first: int, finished: int) -> None:
    params, spaces = encoding.pack_params(VALUES, SPACE)
    curve = array.array("d", [0.0, *(1.0 / epoch for epoch in range(1, EPOCHS + 1))]).tobytes()
    t.run(
        f"""
        INSERT INTO studyhall_done (trial_id, study_id, sequence, number, state, value, best_epoch,
            epochs, last_step, last_value, params, distributions, attributes, reports, worker,
            host, device, attempt, repeated_epochs, fence, started_at, finished_at)
        {_NUMBERS} SELECT n + :first, :study_id, n + 1, n,
            CASE WHEN n % 4 = 3 THEN 'PRUNED' ELSE 'COMPLETE' END, 0.5 + 0.000001 * n, 1,
            CASE WHEN n % 4 = 3 THEN 10 ELSE 30 END, CASE WHEN n % 4 = 3 THEN 10 ELSE 30 END, 0.5,
            :params, :spaces, '{{{{}}}}', CASE WHEN n % 4 <> 3 THEN CAST(:curve AS {_blob(t)}) END,
            'w', 'h', 'cpu', 1, 0, 1, {{now}}, {{now}} FROM numbers""",
        study_id=study_id,
        first=first,
        count=finished,
        params=params,
        spaces=spaces,
        curve=curve,
    )


def _blob(t: Transaction) -> str:
    return "bytea" if t.kind == "postgresql" else "blob"


def _leases(t: Transaction, study_id: int, first: int, number: int, running: int) -> None:
    if not running:
        return
    params, spaces = encoding.pack_params(VALUES, SPACE)
    t.run(
        f"""
        INSERT INTO studyhall_leases (trial_id, study_id, number, token, worker, host, pid, device,
            devices, created_at, claimed_at, heard_at, progress, epoch, params, distributions)
        {_NUMBERS} SELECT n + :first, :study_id, n + :number, 'other', 'other', 'host', 1, 'cpu',
            1.0, {{now}}, {{now}}, {{now}} + 86400.0, 15, 15, :params, :spaces FROM numbers""",
        study_id=study_id,
        first=first,
        number=number,
        count=running,
        params=params,
        spaces=spaces,
    )


def _reports(t: Transaction, study_id: int) -> None:
    kind = "trialintermediatevaluetype" if t.kind == "postgresql" else "text"
    value_kind = "trialvaluetype" if t.kind == "postgresql" else "text"
    t.run(
        f"""
        INSERT INTO trial_intermediate_values
            (trial_id, step, intermediate_value, intermediate_value_type)
        {_NUMBERS} SELECT trial_id, n + 1, 1.0 / (n + 1), CAST('FINITE' AS {kind})
        FROM trials, numbers WHERE study_id = :study_id
            AND n < CASE WHEN state = 'PRUNED' THEN 10 WHEN state = 'RUNNING' THEN 15
                ELSE 30 END""",
        study_id=study_id,
        count=EPOCHS,
    )
    t.run(
        f"""
        INSERT INTO trial_values (trial_id, objective, value, value_type)
        SELECT trial_id, 0, 0.5 + 0.000001 * number, CAST('FINITE' AS {value_kind}) FROM trials
        WHERE study_id = :study_id AND state <> 'RUNNING'""",
        study_id=study_id,
    )
    for name, space in SPACE.items():
        t.run(
            """
            INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json)
            SELECT trial_id, :name, :value, :space FROM trials WHERE study_id = :study_id""",
            study_id=study_id,
            name=name,
            value=space.to_internal_repr(VALUES[name]),
            space=encoding.distribution_json(space),
        )
