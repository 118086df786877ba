"""A study's trials as plain records, all of them or the latest, for tables, reports and exports."""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from studyhall.storage.database import Database, Transaction, connection, encoding
from studyhall.storage.studies import directions
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials import history as past


@dataclass(frozen=True)
class TrialRecord:
    """One trial as it stands.

    Args:
        state: RUNNING, COMPLETE, PRUNED or FAIL.
        value: of a finished trial, its best epoch's; of a running one, the best so far.
        best_epoch: the epoch of that value.
        epochs: how many epochs the history holds, all folds.
        params: hyperparameters by name, as suggested.
        attributes: Optuna's user attributes: reason, stopped, …
        started_at, finished_at: epoch seconds of the database's clock.
        worker: who runs it, or ran it last.
        attempt: how many workers have held it.
        repeated_epochs: epochs that takeovers had to train again.
        repeated_s: what these took at first, in seconds.
        gpu_seconds_used: seconds in workers' hands, times devices.
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
    """All trials of a study, by number."""
    return db.snapshot(lambda transaction: read(transaction, study.study_id))


def trial(db: Database, study: Study, number: int) -> TrialRecord | None:
    """One trial of a study, or None if it has not been started."""
    found = db.snapshot(lambda transaction: read(transaction, study.study_id, number))
    return found[0] if found else None


def best(
    db: Database, study: Study, count: int, others: Iterable[int] = ()
) -> tuple[list[TrialRecord], list[TrialRecord]]:
    """The best so many complete trials, the best first, and others by their numbers.

    A few look-ups, however many trials the study has.
    """

    def work(transaction: Transaction) -> tuple[list[TrialRecord], list[TrialRecord]]:
        rows = transaction.rows(
            """
            SELECT number FROM studyhall_done WHERE study_id = :study_id AND state = 'COMPLETE'
                AND value IS NOT NULL
            ORDER BY value, number LIMIT :count""",
            study_id=study.study_id,
            count=count,
        )
        wanted = [row.number for row in rows], others
        first, rest = ([r for n in each for r in read(transaction, study.study_id, n)]
                       for each in wanted)  # fmt: skip
        return first, rest

    return db.snapshot(work)


def count_with(db: Database, study: Study, attribute: str) -> int:
    """How many trials of a study have an attribute of that name."""
    text = """
        SELECT count(*) FROM trial_user_attributes a JOIN trials t ON t.trial_id = a.trial_id
        WHERE t.study_id = :study_id AND a.key = :attribute"""
    found = db.snapshot(lambda t: t.rows(text, study_id=study.study_id, attribute=attribute))
    return int(found[0][0])


def history(db: Database, trial_id: int) -> list[dict[str, Any]]:
    """All metrics of all epochs: dicts of fold (from 0), epoch (from 1), value, metrics."""
    return db.snapshot(lambda transaction: past.history(transaction, trial_id))


def read(transaction: Transaction, study_id: int, number: int = -1) -> list[TrialRecord]:
    """Reads the trial with this number, or all of them."""
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
    """All metrics of all epochs of all trials, by trial_id, as `history` has one's."""
    rows = db.snapshot(lambda transaction: transaction.rows(_HISTORIES, study_id=study.study_id))
    found: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for trial_id, fold, epoch, value, metrics in rows:
        known = encoding.unpack_metrics(metrics)
        found[trial_id].append({"fold": fold, "epoch": epoch, "value": value, "metrics": known})
    return dict(found)


def finished_since(db: Database, study: Study, seen: int | None) -> tuple[list[TrialRecord], int]:
    """Trials in the order in which they ended.

    Args:
        db: where the study is.
        study: it.
        seen: what the last call returned, or None to begin with those still to come.

    Returns:
        The trials, and what to give to the next call.
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

    return db.snapshot(work)


def _last_sequence(transaction: Transaction, study_id: int) -> int:
    row = transaction.row(
        "SELECT coalesce(max(sequence), 0) FROM studyhall_done WHERE study_id = :study_id",
        study_id=study_id,
    )
    return 0 if row is None else int(row[0])


def latest_attributes(db: Database, study: Study, key: str, *, trials: int) -> list[object]:
    """One attribute of the trials that finished last.

    Args:
        db: where the study is.
        study: it.
        key: the attribute's name, as told with the trial's result.
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
