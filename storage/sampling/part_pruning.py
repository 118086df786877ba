"""Whether a trial should end between two of its parts, by comparing them with the best trial's.

The decision is Optuna's (`optuna.pruners.WilcoxonPruner`): the signed-rank test of the differences,
part by part. What each part of the best trial came to is known from the feed.
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
    """Learns from the feed, then decides about one running trial at a time.

    Args:
        p_threshold: a trial ends that is worse with a p-value below this; 0 ends none.
    """

    def __init__(self, p_threshold: float) -> None:
        self.p_threshold = p_threshold
        self._best: tuple[float, int] | None = None
        self._parts: list[float] = []
        with warnings.catch_warnings():  # Optuna calls it experimental
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self._pruner = WilcoxonPruner(p_threshold=p_threshold)

    def learn(self, finished: Sequence[Finished]) -> None:
        """Remembers the parts of the best trial."""
        for trial in finished:
            if trial.state == "COMPLETE" and trial.value is not None:
                place = trial.value, trial.number
                if self._best is None or place < self._best:
                    self._best = place
                    self._parts = json.loads(trial.attributes).get(PARTS, [])

    def should_prune(self, values: Sequence[float]) -> bool:
        """Whether a trial whose parts have come to these values so far shall end."""
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
