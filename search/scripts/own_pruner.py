"""The pruner that an Optuna script brings: ours of the same definition, which workers share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optuna import pruners
from optuna.pruners import BasePruner

from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.database import encoding
from studyhall.storage.sampling import pruning
from studyhall.storage.sampling.feed import Finished, Rung
from studyhall.storage.sampling.pruning import Pruner, Reports

AUTO = "auto"


def name(pruner: BasePruner | None) -> str:
    """Return the name that stands for a pruner in a study file."""
    kinds = {pruners.NopPruner: "none", pruners.HyperbandPruner: "hyperband"}
    return next((each for kind, each in kinds.items() if isinstance(pruner, kind)), "median")


def made(pruner: BasePruner | None, study: str) -> Pruner:
    """Return our pruner of the same definition; Optuna's default is the median.

    Args:
        pruner: the script's own, or None.
        study: the study's name, which decides the brackets of Hyperband.

    Raises:
        ConfigError: there is no such pruner here.
    """
    own: Any = pruners.MedianPruner() if pruner is None else pruner
    if isinstance(own, pruners.NopPruner):
        return pruning.Never()
    if isinstance(own, pruners.PercentilePruner):  # which the median derives from
        return pruning.Percentile(
            own._percentile, own._n_startup_trials, own._n_warmup_steps, own._interval_steps
        )
    if isinstance(own, pruners.SuccessiveHalvingPruner) and own._min_resource is not None:
        return pruning.Halving(
            own._min_resource, own._reduction_factor, own._min_early_stopping_rate
        )
    if isinstance(own, pruners.HyperbandPruner):
        return Hyperband(study, own._min_resource, own._max_resource, own._reduction_factor)
    received = f"received {type(own).__name__}"
    expected = "MedianPruner, PercentilePruner, SuccessiveHalvingPruner(min_resource=a number)"
    raise ConfigError([f"pruner: {received}, expected {expected}, HyperbandPruner or NopPruner"])


class Hyperband:
    """Optuna's Hyperband, which learns the number of steps from the first complete trial.

    Args:
        study: the study's name.
        least: step of the first rung.
        most: the number of steps of a full trial, or "auto".
        factor: ratio of the steps of two consecutive rungs.
    """

    needs_rungs = True

    def __init__(self, study: str, least: int, most: int | str, factor: int) -> None:
        self._study, self._least, self._factor = study, least, factor
        self._pruner: Pruner = pruning.Never() if most == AUTO else self._of(int(most))
        self._knows = most != AUTO

    def learn(self, finished: Sequence[Finished], rungs: Sequence[Rung]) -> None:
        """Take in news from the feed; the first complete trial tells the number of steps."""
        if not self._knows:
            steps = [_steps(trial) for trial in finished if trial.state == "COMPLETE"]
            if any(steps):
                self._pruner, self._knows = self._of(next(filter(None, steps))), True
        self._pruner.learn(finished, rungs)

    def rung(self, number: int, reports: Reports, step: int) -> int | None:
        """Return the rung that a trial enters next, or None."""
        return self._pruner.rung(number, reports, step)

    def should_prune(self, number: int, reports: Reports, step: int) -> bool:
        """Tell whether a trial should end with its report at this step."""
        return self._pruner.should_prune(number, reports, step)

    def _of(self, most: int) -> Pruner:
        return pruning.Hyperband(
            self._study,
            min_resource=self._least,
            max_resource=max(most, self._least),
            reduction_factor=self._factor,
        )


def _steps(trial: Finished) -> int:
    """Return the number of a trial's last report."""
    return len(encoding.unpack_reports(trial.reports or b"")) - 1
