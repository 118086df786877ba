"""The pruner that an Optuna script brings: ours of the same definition, which workers share."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from optuna import pruners
from optuna.pruners import BasePruner
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from studyhall.storage.database import encoding
from studyhall.storage.sampling import pruning
from studyhall.storage.sampling.feed import Finished, Rung
from studyhall.storage.sampling.pruning import Pruner, Reports
from studyhall.storage.studies.directions import MAXIMIZE

AUTO = "auto"
# The pruners that a script may bring, by what stands for them in a study file.
NAMES: dict[type[BasePruner], str] = {
    pruners.NopPruner: "none",
    pruners.MedianPruner: "median",
    pruners.PercentilePruner: "median",
    pruners.SuccessiveHalvingPruner: "median",
    pruners.HyperbandPruner: "hyperband",
    pruners.ThresholdPruner: "median",
    pruners.PatientPruner: "median",
}


def name(pruner: BasePruner | None) -> str:
    """Return the name that stands for a pruner in a study file."""
    return "median" if pruner is None else NAMES.get(type(pruner), "median")


def refusal(pruner: BasePruner | None) -> str | None:
    """Return why a pruner can't be used, in one sentence; None if it can."""
    if pruner is None:
        return None
    if type(pruner) is pruners.PatientPruner:
        return refusal(pruner._wrapped_pruner)
    if type(pruner) not in NAMES:
        known = ", ".join(kind.__name__ for kind in NAMES)
        return f"pruner: received {type(pruner).__name__}, expected one of {known}"
    return None


def made(pruner: BasePruner | None, study: str, direction: str = "minimize") -> Pruner:
    """Return our pruner of the same definition; Optuna's default is the median.

    Args:
        pruner: one that `refusal` does not refuse.
        study: the study's name, which decides the brackets of Hyperband.
        direction: "minimize" or "maximize".
    """
    own: Any = pruners.MedianPruner() if pruner is None else pruner
    if isinstance(own, pruners.NopPruner):
        return pruning.Never()
    if isinstance(own, pruners.PercentilePruner):  # which the median derives from
        steps = own._n_warmup_steps, own._interval_steps
        return pruning.Percentile(own._percentile, own._n_startup_trials, *steps, own._n_min_trials)
    if isinstance(own, pruners.ThresholdPruner):
        return ByReports(own, direction)
    if isinstance(own, pruners.PatientPruner):
        inner, alone = own._wrapped_pruner, copy.copy(own)
        alone._wrapped_pruner = None
        wrapped = None if inner is None else made(inner, study, direction)
        return ByReports(alone, direction, wrapped)
    return _of_rungs(own, study)


def _of_rungs(own: Any, study: str) -> Pruner:
    """Return our successive halving or Hyperband; Optuna's learn from trials what is not given."""
    factor, first = own._reduction_factor, own._bootstrap_count
    if isinstance(own, pruners.SuccessiveHalvingPruner):
        rate = own._min_early_stopping_rate
        if own._min_resource is not None:
            return pruning.Halving(own._min_resource, factor, rate, first)
        return Learning(lambda step: pruning.Halving(max(step // 100, 1), factor, rate, first))
    least = own._min_resource

    def of(most: int) -> Pruner:
        return pruning.Hyperband(
            study,
            min_resource=least,
            max_resource=max(most, least),
            reduction_factor=factor,
            bootstrap_count=first,
        )

    if own._max_resource == AUTO:
        return Learning(lambda step: of(step + 1))
    return of(int(own._max_resource))


class ByReports:
    """A pruner of Optuna's that looks at nothing but the reports of the trial itself.

    Args:
        theirs: Optuna's.
        direction: "minimize" or "maximize".
        further: what has to agree.
    """

    def __init__(self, theirs: BasePruner, direction: str, further: Pruner | None = None) -> None:
        self._theirs, self._direction, self._further = theirs, direction, further
        # All that they ask of a study.
        self._study: Any = SimpleNamespace(direction=StudyDirection[direction.upper()])
        self.needs_rungs = further is not None and further.needs_rungs

    def learn(self, finished: Sequence[Finished], rungs: Sequence[Rung]) -> None:
        """Pass news on to what has to agree."""
        if self._further is not None:
            self._further.learn(finished, rungs)

    def rung(self, number: int, reports: Reports, step: int) -> int | None:
        """Return the rung that a trial enters next, if Optuna's pruner asks what has to agree."""
        asks = self._further is not None and self._would(reports)
        return self._further.rung(number, reports, step) if asks and self._further else None

    def should_prune(self, number: int, reports: Reports, step: int) -> bool:
        """Tell whether a trial should end with its report at this step."""
        if not self._would(reports):
            return False
        return self._further is None or self._further.should_prune(number, reports, step)

    def _would(self, reports: Reports) -> bool:
        sign = -1.0 if self._direction == MAXIMIZE else 1.0
        values = {step: sign * cost for step, cost in reports.items()}
        trial = create_trial(state=TrialState.RUNNING, intermediate_values=values)
        return bool(self._theirs.prune(self._study, trial))


class Learning:
    """A pruner that learns from the first complete trial how many steps there are.

    Args:
        of: makes the pruner from the last step of that trial.
    """

    needs_rungs = True

    def __init__(self, of: Callable[[int], Pruner]) -> None:
        self._of = of
        self._pruner: Pruner = pruning.Never()
        self._knows = False

    def learn(self, finished: Sequence[Finished], rungs: Sequence[Rung]) -> None:
        """Take in news from the feed; the first complete trial tells the number of steps."""
        if not self._knows:
            steps = [_last_step(trial) for trial in finished if trial.state == "COMPLETE"]
            known = [step for step in steps if step >= 0]
            if known:
                self._pruner, self._knows = self._of(known[0]), True
        self._pruner.learn(finished, rungs)

    def rung(self, number: int, reports: Reports, step: int) -> int | None:
        """Return the rung that a trial enters next, or None."""
        return self._pruner.rung(number, reports, step)

    def should_prune(self, number: int, reports: Reports, step: int) -> bool:
        """Tell whether a trial should end with its report at this step."""
        return self._pruner.should_prune(number, reports, step)


def _last_step(trial: Finished) -> int:
    """Return the step of a trial's last report, or -1."""
    reports = encoding.unpack_reports(trial.reports or b"")
    return max((step for step, cost in enumerate(reports) if not math.isnan(cost)), default=-1)
