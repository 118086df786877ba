"""The confirmation of one trial with new seeds: mean, confidence interval, best model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from studyhall.search.study_file import objectives
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies.retrainings import Retraining

SURE = 0.95  # confidence level of the intervals
CHANCE = 0.05  # significance level: above this p-value, two trials count as equal


@dataclass(frozen=True)
class Confirmed:
    """One trial and its trainings with new seeds.

    Attributes:
        trial: the trial of the search.
        runs: the requested trainings, by repeat.
        sign: factor of a value, such that lower values are better.
        objective: name of the objective.
    """

    trial: TrialRecord
    runs: tuple[Retraining, ...]
    sign: float = 1.0
    objective: str = objectives.LOSS

    @property
    def values(self) -> list[float]:
        """The values of the successful trainings."""
        return [run.result["value"] for run in self.runs if run.result and "value" in run.result]

    @property
    def reasons(self) -> list[str]:
        """The reasons of the failed trainings."""
        return [run.result["reason"] for run in self.runs if run.result and "reason" in run.result]

    @property
    def done(self) -> bool:
        """True if all trainings have ended."""
        return all(run.result is not None for run in self.runs)

    @property
    def mean(self) -> float | None:
        """The mean of the values; None if a training has failed, or none has ended yet."""
        if not self.values or self.reasons:
            return None
        import numpy as np  # imported late: it slows down commands that don't need it

        return float(np.mean(self.values))

    @property
    def interval(self) -> tuple[float, float] | None:
        """The confidence interval of the mean over all seeds (Student's t).

        It is cut to possible values of the objective. None for fewer than two values.
        """
        count = len(self.values)
        if self.mean is None or count < 2:
            return None
        import numpy as np
        from scipy import stats  # imported late, too

        error = float(np.std(self.values, ddof=1) / np.sqrt(count))
        half = float(stats.t.ppf((1 + SURE) / 2, count - 1)) * error
        return objectives.cut(self.objective, (self.mean - half, self.mean + half), self.values)

    @property
    def model(self) -> Retraining | None:
        """The training with the best model that is kept, or None."""
        kept = [run for run in self.runs if run.result and run.result.get("model")]
        return min(kept, key=lambda run: self.sign * _value(run), default=None)

    def to_json(self) -> dict[str, Any]:
        """Return the confirmed trial as JSON values."""
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
    """Return whether a trial doesn't differ significantly from these values (Welch's t-test)."""
    if other.mean is None or min(len(values), len(other.values)) < 2:
        return False
    import numpy as np
    from scipy import stats

    if np.std(values) == np.std(other.values) == 0:
        return bool(np.mean(values) == other.mean)
    chance = stats.ttest_ind(values, other.values, equal_var=False).pvalue
    return bool(chance > CHANCE)
