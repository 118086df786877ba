"""The rows of an exported table: one per trial, or one per epoch, without nested values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from studyhall.search.display import json_keys
from studyhall.storage.database import Database
from studyhall.storage.queries import records
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies import directions
from studyhall.storage.studies.rows import Study

# Keys of a trial whose value is a dict, of which each entry becomes a column of its own.
_NESTED = ("params", "objectives", "seconds")

_OWN = ("trial", "fold", "epoch", "value", "seconds")  # columns that no metric may take

Row = dict[str, Any]


def of_trials(shown: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Return a row per trial, all with the same columns, as `trials --json` names them.

    Values of hyperparameters stand in `params_NAME`, those of several objectives in
    `objectives_NAME`, times by activity in `seconds_NAME`. Of a verdict, its name and its
    confidence are kept.

    Args:
        shown: the trials, as `json_keys.of_trial` returns them.
    """
    return _alike([_flat(trial) for trial in shown])


def of_epochs(db: Database, study: Study, trials: Sequence[TrialRecord]) -> list[Row]:
    """Return a row per epoch: trial, fold (from 0), epoch (from 1), value, seconds, each metric.

    Args:
        db: the database of the study.
        study: the study.
        trials: its trials.
    """
    found, took = records.histories(db, study), records.epoch_seconds(db, study)
    return _alike(
        [
            {
                "trial": trial.number,
                "fold": epoch["fold"],
                "epoch": epoch["epoch"],
                "value": directions.turned(epoch["value"], study.direction),
                "seconds": took[trial.trial_id, epoch["fold"], epoch["epoch"]],
                **{name: value for name, value in epoch["metrics"].items() if name not in _OWN},
            }
            for trial in trials
            for epoch in found.get(trial.trial_id, [])
        ]
    )


def told(
    trials: Sequence[TrialRecord], verdicts: Mapping[int, dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return trials as `trials --json` prints them.

    Args:
        trials: the trials.
        verdicts: verdicts as JSON values, by trial number.
    """
    return [json_keys.of_trial(trial, verdicts.get(trial.number)) for trial in trials]


def _flat(trial: Mapping[str, Any]) -> Row:
    row: Row = {}
    for key, value in trial.items():
        if key in _NESTED:
            row |= {f"{key}_{name}": each for name, each in (value or {}).items()}
        elif key == "verdict":
            verdict = value or {}
            row |= {"verdict": verdict.get("name"), "confidence": verdict.get("confidence")}
        else:
            row[key] = value
    return row


def _alike(rows: list[Row]) -> list[Row]:
    """Give every row all columns, in the order in which they first appear."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return [{name: row.get(name) for name in names} for row in rows]
