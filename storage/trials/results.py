"""The results of trials: state, values, and what else is written when a trial ends."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from studyhall.storage.database import encoding
from studyhall.storage.studies import directions

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

COMPLETE, PRUNED, FAIL = "COMPLETE", "PRUNED", "FAIL"
OUT_OF_MEMORY = "out of memory"  # the attribute `stopped` of a trial that ran out of memory


@dataclass(frozen=True)
class Result:
    """The result of a trial.

    Args:
        state: COMPLETE, PRUNED or FAIL.
        value: the cost of the best epoch, or None.
        reports: costs by step.
        best_epoch: the epoch of the best report, if there is one.
        params, distributions: the hyperparameters, see `encoding.pack_params`.
        attributes, system_attributes, study_system_attributes: for Optuna's tables.
        direction: of the study's first objective; Optuna's tables show the cost as a value.
        further: values (not costs) of the objectives after the first.
    """

    state: str
    value: float | None
    reports: Mapping[int, float]
    best_epoch: int | None
    params: str
    distributions: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    system_attributes: Mapping[str, Any] = field(default_factory=dict)
    study_system_attributes: Mapping[str, Any] = field(default_factory=dict)
    direction: str = directions.MINIMIZE
    further: Sequence[float] = ()


def of_trial(
    trial: "FrozenTrial",
    reports: Mapping[int, float],
    history: Iterable[Mapping[str, Any]],
    *,
    state: str,
    value: float | None,
    attributes: Mapping[str, Any],
    system_attributes: Mapping[str, Any],
    study_system_attributes: Mapping[str, Any],
    direction: str,
    further: Sequence[float],
) -> Result:
    """Make the result of a worker's trial: its arguments, and what the trial itself holds.

    A trial of several trainings (folds) has no best epoch: its attribute `best_epochs` holds
    theirs. The history has dicts of fold, epoch and value, a cost; for the other arguments see
    `Result`.
    """
    return Result(
        state,
        value,
        reports,
        None if "best_epochs" in attributes else best_epoch(history),
        *encoding.pack_params(trial.params, trial.distributions),
        {**trial.user_attrs, **attributes},
        {**trial.system_attrs, **system_attributes},
        study_system_attributes,
        direction,
        further,
    )


def best_epoch(history: Iterable[Mapping[str, Any]]) -> int | None:
    """Return the epoch of the lowest cost, the first among equals; None if there is none."""
    rows = [row for row in history if row["value"] is not None and not math.isnan(row["value"])]
    ordered = sorted(rows, key=lambda row: (row["fold"], row["epoch"]))
    best = min(ordered, key=lambda row: row["value"], default=None)
    return None if best is None else int(best["epoch"])
