"""One trial confirmed with new seeds: its mean, the interval around it, its best model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from studyhall.search.study_file import objectives
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies.retrainings import Retraining

SURE = 0.95  # of the intervals
CHANCE = 0.05  # from which likelihood two trials can't be told apart


@dataclass(frozen=True)
class Confirmed:
    """One trial and its trainings with new seeds.

    Attributes:
        runs: those that were asked for, by repeat.
        sign: what a value is multiplied with, so that less is better.
        objective: what a value is.
    """

    trial: TrialRecord
    runs: tuple[Retraining, ...]
    sign: float = 1.0
    objective: str = objectives.LOSS

    @property
    def values(self) -> list[float]:
        """Of those that have one."""
        return [run.result["value"] for run in self.runs if run.result and "value" in run.result]

    @property
    def reasons(self) -> list[str]:
        """Why the others have none."""
        return [run.result["reason"] for run in self.runs if run.result and "reason" in run.result]

    @property
    def done(self) -> bool:
        """Whether all have ended."""
        return all(run.result is not None for run in self.runs)

    @property
    def mean(self) -> float | None:
        """Of the values; None where a training has failed, or none has ended yet."""
        if not self.values or self.reasons:
            return None
        import numpy as np  # takes a moment that other questions need not wait for

        return float(np.mean(self.values))

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the mean over all seeds lies (Student's t), as far as there are such values.

        None for fewer than two values.
        """
        count = len(self.values)
        if self.mean is None or count < 2:
            return None
        import numpy as np
        from scipy import stats  # likewise

        error = float(np.std(self.values, ddof=1) / np.sqrt(count))
        half = float(stats.t.ppf((1 + SURE) / 2, count - 1)) * error
        return objectives.cut(self.objective, (self.mean - half, self.mean + half), self.values)

    @property
    def model(self) -> Retraining | None:
        """The training whose model is the best of those that are kept."""
        kept = [run for run in self.runs if run.result and run.result.get("model")]
        return min(kept, key=lambda run: self.sign * _value(run), default=None)

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        low, high = self.interval or (None, None)
        return {
            "trial": self.trial.number,
            "value": self.trial.value,
            "mean": self.mean,
            "low": low,
            "high": high,
            "values": self.values,
            "seeds": [run.seed for run in self.runs],
            "reasons": self.reasons,
        }


def _value(run: Retraining) -> float:
    assert run.result is not None
    return float(run.result["value"])


def alike(values: Sequence[float], other: Confirmed) -> bool:
    """Whether a trial can't be told apart from one with these values (Welch's t-test)."""
    if other.mean is None or min(len(values), len(other.values)) < 2:
        return False
    import numpy as np
    from scipy import stats

    if np.std(values) == np.std(other.values) == 0:
        return bool(np.mean(values) == other.mean)
    chance = stats.ttest_ind(values, other.values, equal_var=False).pvalue
    return bool(chance > CHANCE)
