"""The replay of a trial: train it again, and compare all recorded metrics epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from studyhall.search.retraining.replay_result import Difference, Replay
from studyhall.search.retraining.trainer import Retrainer
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.trial.blueprints import Blueprint
from studyhall.search.trial.seeds import trial_seed
from studyhall.storage.database import Database
from studyhall.storage.queries import records
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies.rows import Study

TOLERANCE = 1e-3  # relative; allows for rounding on other processors and numbers of threads
ENDED = ("COMPLETE", "PRUNED", "FAIL")

History = Sequence[Mapping[str, Any]]


def replay(
    db: Database, study: Study, plan: Blueprint, number: int, tolerance: float = TOLERANCE
) -> Replay:
    """Train a trial again, for as many epochs as recorded, and compare.

    Args:
        db: database of the study.
        study: the study.
        plan: blueprint with the data and the code that the study began with.
        number: number of the trial.
        tolerance: relative difference up to which values count as reproduced.

    Raises:
        ConfigError: there is no such trial, or it has not ended, or it has no epochs.
        TrialFailed, UserCodeError, ArchitectureError: it can no longer be built.
    """
    trial, history = _recorded(db, study, number)
    found = [*_differences(study, plan, trial, history)]
    differing = [each for each in found if each.relative > 0]
    beyond = [each for each in differing if each.relative > tolerance]
    return Replay(
        number,
        len(history),
        tolerance,
        max((each.relative for each in differing), default=0.0),
        differing[0] if differing else None,
        beyond[0] if beyond else None,
    )


def _recorded(db: Database, study: Study, number: int) -> tuple[TrialRecord, History]:
    trial = records.trial(db, study, number)
    if trial is None or trial.state not in ENDED:
        raise ConfigError([f"trial: received {number}, expected a finished trial of {study.name}"])
    history = records.history(db, trial.trial_id)
    if not history:
        raise ConfigError([f"trial: received {number}, which has no epochs, expected one that has"])
    return trial, history


def _differences(
    study: Study, plan: Blueprint, trial: TrialRecord, history: History
) -> Iterator[Difference]:
    """Yield the difference of every recorded number that is not reproduced."""
    retrainer, folds = Retrainer(plan), len(plan.data.folds)
    for part in sorted({row["fold"] for row in history}):
        rows = {row["epoch"]: row for row in history if row["fold"] == part}
        # The same seed as in the search.
        seed = trial_seed(study.seed, trial.number, part // folds) + part % folds
        replayed, training = {}, retrainer.training(trial, seed, part % folds)
        for epoch in training.epochs():
            replayed[epoch.number] = epoch.metrics
            if epoch.number >= max(rows):
                break
        training.end()
        for epoch_number, row in rows.items():
            yield from _of_epoch(part, epoch_number, row["metrics"], replayed.get(epoch_number))


def _of_epoch(
    part: int, epoch: int, recorded: Mapping[str, Any], replayed: Mapping[str, float] | None
) -> Iterator[Difference]:
    for name, value in recorded.items():
        number = math.nan if value is None else float(value)
        if replayed is None:
            yield Difference(part, epoch, name, number, None)
        elif name in replayed:
            now = float(replayed[name])
            if not (now == number or (math.isnan(now) and math.isnan(number))):
                yield Difference(part, epoch, name, number, now)
