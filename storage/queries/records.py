"""The trials of a study as plain records, for tables, reports and exports."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from studyhall.storage.database import Database, Transaction, connection, encoding
from studyhall.storage.studies import directions
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials import history as past


@dataclass(frozen=True)
class TrialRecord:
    """One trial as it stands now.

    Args:
        trial_id: Optuna's identifier.
        number: its number in the study, from 0.
        state: RUNNING, COMPLETE, PRUNED or FAIL.
        value: value of the best epoch; of a running trial, of the best so far.
        best_epoch: the epoch of that value, if the trial has finished.
        epochs: number of epochs in the history, all folds.
        params: hyperparameters by name, as suggested.
        attributes: Optuna's user attributes: reason, stopped, …
        started_at, finished_at: epoch seconds of the database's clock.
        worker: the worker that runs it, or ran it last.
        attempt: how many workers have held it.
        repeated_epochs: epochs that had to be trained again after takeovers.
        repeated_s: seconds that these took the first time.
        gpu_seconds_used: seconds during which workers held it, times devices.
    """

    trial_id: int
    number: int
    state: str
    value: float | None
    best_epoch: int | None
    epochs: int
    params: dict[str, Any]
    attributes: dict[str, Any]
    started_at: float | None
    finished_at: float | None
    worker: str | None
    attempt: int
    repeated_epochs: int
    repeated_s: float
    gpu_seconds_used: float


_TRIALS = """
    SELECT t.trial_id, t.number, t.state,
        s.direction,
        CASE WHEN l.trial_id IS NULL THEN d.value ELSE (
            SELECT min(h.value) FROM studyhall_history h WHERE h.trial_id = t.trial_id) END,
        d.best_epoch, coalesce(d.epochs, l.progress, 0),
        coalesce(d.params, l.params, '{{}}'), coalesce(d.distributions, l.distributions, '{{}}'),
        coalesce(d.started_at, l.created_at), d.finished_at, coalesce(d.worker, l.worker),
        coalesce(d.attempt, l.attempt, 1), coalesce(d.repeated_epochs, l.repeated_epochs, 0),
        coalesce(d.repeated_s, l.repeated_s, 0.0), coalesce(d.gpu_seconds_used,
            l.gpu_seconds_used + l.held * l.devices * (l.heard_at - l.claimed_at), 0.0)
    FROM trials t JOIN study_directions s ON s.study_id = t.study_id AND s.objective = 0
        LEFT JOIN studyhall_done d ON d.trial_id = t.trial_id
        LEFT JOIN studyhall_leases l ON l.trial_id = t.trial_id
    WHERE t.study_id = :study_id AND (:number < 0 OR t.number = :number) ORDER BY t.number"""

_ATTRIBUTES = """
    SELECT t.trial_id, a.key, a.value_json
    FROM trial_user_attributes a JOIN trials t ON t.trial_id = a.trial_id
    WHERE t.study_id = :study_id AND (:number < 0 OR t.number = :number)"""


def trials(db: Database, study: Study) -> list[TrialRecord]:
    """Return all trials of a study, sorted by number."""
    return db.snapshot(lambda transaction: read(transaction, study.study_id))


def trial(db: Database, study: Study, number: int) -> TrialRecord | None:
    """Return one trial of a study; None if it has not been started."""
    found = db.snapshot(lambda transaction: read(transaction, study.study_id, number))
    return found[0] if found else None


def best(
    db: Database, study: Study, count: int, others: Iterable[int] = ()
) -> tuple[list[TrialRecord], list[TrialRecord]]:
    """Return the `count` best complete trials, the best first, and other trials.

    It takes a few indexed look-ups, however many trials the study has.

    Args:
        db: the database of the study.
        study: the study.
        count: how many of the best trials.
        others: numbers of the other trials; those not started yet are left out.
    """

    def work(transaction: Transaction) -> tuple[list[TrialRecord], list[TrialRecord]]:
        rows = transaction.rows(
            f"""
            SELECT number FROM studyhall_done WHERE study_id = :study_id AND state = 'COMPLETE'
                AND value IS NOT NULL
            ORDER BY {directions.ranking(len(study.directions))} LIMIT :count""",
            study_id=study.study_id,
            count=count,
        )
        wanted = [row.number for row in rows], others
        first, rest = ([r for n in each for r in read(transaction, study.study_id, n)]
                       for each in wanted)  # fmt: skip
        return first, rest

    return db.snapshot(work)


def best_first(trials: Iterable[TrialRecord], study: Study) -> list[TrialRecord]:
    """Return the complete trials that have a value, ranked as by `directions.ranking`.

    Args:
        trials: trials of a study.
        study: the study.
    """
    found = [trial for trial in trials if trial.state == "COMPLETE" and trial.value is not None]
    return sorted(found, key=lambda trial: (*_costs(trial, study.directions), trial.number))


def _costs(trial: TrialRecord, ways: Sequence[str]) -> tuple[float, float]:
    """Return the cost in the first objective, and the sum of those in the others."""
    others = [*trial.attributes.get("objectives", {}).values()][1:]
    costs = (
        directions.turned(value, way) or 0.0 for value, way in zip(others, ways[1:], strict=False)
    )
    return directions.turned(trial.value, ways[0]) or 0.0, sum(costs)


def count_with(db: Database, study: Study, attribute: str) -> int:
    """Count the trials of a study that have a user attribute of that name."""
    text = """
        SELECT count(*) FROM trial_user_attributes a JOIN trials t ON t.trial_id = a.trial_id
        WHERE t.study_id = :study_id AND a.key = :attribute"""
    found = db.snapshot(lambda t: t.rows(text, study_id=study.study_id, attribute=attribute))
    return int(found[0][0])


def history(db: Database, trial_id: int) -> list[dict[str, Any]]:
    """Return all epochs of a trial: dicts of fold (from 0), epoch (from 1), value, metrics.

    The value is a cost.
    """
    return db.snapshot(lambda transaction: past.history(transaction, trial_id))


def read(transaction: Transaction, study_id: int, number: int = -1) -> list[TrialRecord]:
    """Return the trial with this number, or all trials if it is negative."""
    attributes: defaultdict[int, dict[str, Any]] = defaultdict(dict)
    for trial_id, key, text in transaction.rows(_ATTRIBUTES, study_id=study_id, number=number):
        attributes[trial_id][key] = json.loads(text)
    rows = transaction.rows(_TRIALS, study_id=study_id, number=number)
    return [_record(row, attributes.get(row[0], {})) for row in rows]


def _record(row: connection.Row, attributes: dict[str, Any]) -> TrialRecord:
    trial_id, number, state, way, cost, best_epoch, epochs, params, spaces, *rest = row
    value = directions.turned(cost, way)
    values = encoding.values(params, spaces)
    return TrialRecord(
        trial_id, number, state, value, best_epoch, epochs, values, attributes, *rest
    )


_HISTORIES = """
    SELECT h.trial_id, h.fold, h.epoch, h.value, h.metrics
    FROM studyhall_history h JOIN trials t ON t.trial_id = h.trial_id
    WHERE t.study_id = :study_id ORDER BY h.trial_id, h.fold, h.epoch"""


def histories(db: Database, study: Study) -> dict[int, list[dict[str, Any]]]:
    """Return the histories of all trials by trial_id, each as `history` returns it."""
    rows = db.snapshot(lambda transaction: transaction.rows(_HISTORIES, study_id=study.study_id))
    found: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for trial_id, fold, epoch, value, metrics in rows:
        known = encoding.unpack_metrics(metrics)
        found[trial_id].append({"fold": fold, "epoch": epoch, "value": value, "metrics": known})
    return dict(found)


def epoch_seconds(db: Database, study: Study) -> dict[tuple[int, int, int], float | None]:
    """Return how long each epoch took, by trial_id, fold and epoch; None where it is unknown."""
    text = """
        SELECT h.trial_id, h.fold, h.epoch, h.seconds
        FROM studyhall_history h JOIN trials t ON t.trial_id = h.trial_id
        WHERE t.study_id = :study_id"""
    found = db.snapshot(lambda transaction: transaction.rows(text, study_id=study.study_id))
    return {(row.trial_id, row.fold, row.epoch): row.seconds for row in found}


def finished_since(
    db: Database, study: Study, seen: int | None, *, patience_s: float = connection.PATIENCE_S
) -> tuple[list[TrialRecord], int]:
    """Return the trials that have ended since the last call, in the order in which they ended.

    Args:
        db: the database of the study.
        study: the study.
        seen: the number that the last call returned; None at the first call, which returns no
            trials.
        patience_s: how many seconds to keep trying to reach the database.

    Returns:
        The trials, and the number to pass to the next call.
    """

    def work(transaction: Transaction) -> tuple[list[TrialRecord], int]:
        if seen is None:
            return [], _last_sequence(transaction, study.study_id)
        rows = transaction.rows(
            """
            SELECT number, sequence FROM studyhall_done
            WHERE study_id = :study_id AND sequence > :seen ORDER BY sequence""",
            study_id=study.study_id,
            seen=seen,
        )
        ended = [read(transaction, study.study_id, number)[0] for number, _ in rows]
        return ended, max((sequence for _, sequence in rows), default=seen)

    return db.snapshot(work, patience_s=patience_s)


def model_sha256(db: Database, name: str) -> str | None:
    """Return the SHA-256 that a trial's worker has recorded of its model.

    Args:
        db: the database of the study.
        name: the model's name in the store of artifacts.
    """
    row = db.snapshot(
        lambda transaction: transaction.row(
            """
            SELECT digest.value_json FROM trial_user_attributes model
                JOIN trial_user_attributes digest ON digest.trial_id = model.trial_id
            WHERE model.key = 'model' AND model.value_json = :name
                AND digest.key = 'model_sha256'""",
            name=json.dumps(name),
        )
    )
    return None if row is None else str(json.loads(row[0]))


def _last_sequence(transaction: Transaction, study_id: int) -> int:
    row = transaction.row(
        "SELECT coalesce(max(sequence), 0) FROM studyhall_done WHERE study_id = :study_id",
        study_id=study_id,
    )
    return 0 if row is None else int(row[0])


def latest_attributes(db: Database, study: Study, key: str, *, trials: int) -> list[object]:
    """Return one user attribute of the trials that ended last; trials without it are skipped.

    Args:
        db: the database of the study.
        study: the study.
        key: the attribute's name.
        trials: how many trials to look at, at most.
    """
    rows = db.transaction(
        lambda transaction: transaction.rows(
            """
            SELECT a.value_json FROM trial_user_attributes a JOIN (
                SELECT trial_id FROM studyhall_done WHERE study_id = :study_id
                ORDER BY sequence DESC LIMIT :trials) d ON d.trial_id = a.trial_id
            WHERE a.key = :key""",
            study_id=study.study_id,
            trials=trials,
            key=key,
        )
    )
    return [json.loads(row[0]) for row in rows]
