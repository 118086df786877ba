"""The pruning of a trial between two of its parts (folds or repetitions).

The parts are compared with those of the best trial, by Optuna's `WilcoxonPruner`: the Wilcoxon
signed-rank test of the differences, part by part. The values of the best trial's parts come from
the feed.
"""

import json
import warnings
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import optuna
from optuna.pruners import WilcoxonPruner
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from studyhall.storage.sampling.feed import Finished

PARTS = "studyhall:parts"  # system attribute of a trial: the value of each of its parts


class PartPruner:
    """The pruner that compares the parts of a running trial with those of the best trial.

    Args:
        p_threshold: a trial ends if it is worse with a p-value below this; 0 turns pruning off.
    """

    def __init__(self, p_threshold: float) -> None:
        self.p_threshold = p_threshold
        self._best: tuple[float, int] | None = None
        self._parts: list[float] = []
        with warnings.catch_warnings():  # Optuna calls it experimental
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self._pruner = WilcoxonPruner(p_threshold=p_threshold)

    def learn(self, finished: Sequence[Finished]) -> None:
        """Keep the values of the best trial's parts."""
        for trial in finished:
            if trial.state == "COMPLETE" and trial.value is not None:
                place = trial.value, trial.number
                if self._best is None or place < self._best:
                    self._best = place
                    self._parts = json.loads(trial.attributes).get(PARTS, [])

    def should_prune(self, values: Sequence[float]) -> bool:
        """Tell whether a trial should end whose parts reached these costs so far, shape (parts,).

        False once the trial has as many parts as the best: then there is nothing left to save.
        """
        if not self.p_threshold or len(self._parts) <= len(values):
            return False
        best = _of_parts(self._parts, TrialState.COMPLETE)
        study: Any = SimpleNamespace(best_trial=best, direction=StudyDirection.MINIMIZE)
        return self._pruner.prune(cast(optuna.Study, study), _of_parts(values, TrialState.RUNNING))


def _of_parts(values: Sequence[float], state: TrialState) -> FrozenTrial:
    about: dict[str, Any] = {"state": state, "intermediate_values": dict(enumerate(values))}
    if state == TrialState.COMPLETE:
        about["value"] = sum(values) / len(values)
    return optuna.trial.create_trial(**about)
