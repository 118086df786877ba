"""The default pruner: the median of complete trials, at the epochs that predict how trials end.

The plain median pruner judges from the first epoch on. Complete are those trials that earlier
medians let pass, so over hundreds of trials the median of the first epochs falls until only quick
starters go on, and the sampler learns from them alone. How early a curve tells its end differs from
task to task; the complete trials themselves show it. docs/explanation/search.md gives the
measurements.
"""

import math
from collections import deque
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from studyhall.storage.database import encoding
from studyhall.storage.sampling.feed import Finished, Rung
from studyhall.storage.sampling.pruning import Reports

LEAST = 10  # complete trials before the first decision: fewer say little about ranks
LATEST = 50  # complete trials that a trial is compared with: earlier ones knew less
PREDICTIVE = 0.9  # Spearman's correlation with the final ranks from which a step is judged

Floats = npt.NDArray[np.float64]


class Predictive:
    """The pruner that ends a trial whose lowest cost so far is above the median at its step.

    It judges only at steps where the lowest costs so far of the latest complete trials rank them
    almost as their final costs do. Where the curves of survivors cross, that is never the case, and
    nothing is pruned.

    Args:
        n_startup_trials: number of complete trials before the first decision; at least `LEAST`.
        n_warmup_steps: steps below this are never judged.
    """

    needs_rungs = False

    def __init__(self, n_startup_trials: int = LEAST, n_warmup_steps: int = 0) -> None:
        self.n_startup_trials = max(n_startup_trials, LEAST)
        self.n_warmup_steps = n_warmup_steps
        self._complete = 0
        self._curves: deque[tuple[Floats, float]] = deque(maxlen=LATEST)  # with final costs
        self._limits: dict[int, float] = {}  # by step, since the last complete trial

    def learn(self, finished: Sequence[Finished], rungs: Sequence[Rung]) -> None:
        """Add the curves of complete trials."""
        for trial in finished:
            if trial.state == "COMPLETE":
                curve = _lowest_so_far(encoding.unpack_reports(trial.reports or b""))
                if curve.size and trial.value is not None and math.isfinite(trial.value):
                    self._curves.append((curve, trial.value))
                    self._complete += 1
                    self._limits.clear()

    def rung(self, number: int, reports: Reports, step: int) -> int | None:
        """Return None: this pruner has no rungs."""
        return None

    def should_prune(self, number: int, reports: Reports, step: int) -> bool:
        """Tell whether the lowest cost so far is above the median, at a step that predicts."""
        if self._complete < self.n_startup_trials or step < self.n_warmup_steps:
            return False
        if step not in self._limits:
            self._limits[step] = _limit(self._curves, step)
        best = min((value for value in reports.values() if not math.isnan(value)), default=math.inf)
        return best > self._limits[step]


def _lowest_so_far(reports: Floats) -> Floats:
    """Return the lowest cost up to each step; infinite before the first report."""
    return np.minimum.accumulate(np.where(np.isnan(reports), np.inf, reports))


def _limit(curves: Sequence[tuple[Floats, float]], step: int) -> float:
    """Return the median of the lowest costs at a step; infinite if they don't predict the end."""
    # A trial that stopped before this step keeps its lowest cost.
    at_step = np.array([curve[min(step, len(curve) - 1)] for curve, _ in curves])
    final = np.array([cost for _, cost in curves])
    return float(np.median(at_step)) if _rank_correlation(at_step, final) >= PREDICTIVE else np.inf


def _rank_correlation(one: Floats, other: Floats) -> float:
    """Return Spearman's correlation; 0 if all values of one of them are equal."""
    first, second = _centred_ranks(one), _centred_ranks(other)
    scale = math.sqrt(float(first @ first) * float(second @ second))
    return float(first @ second) / scale if scale else 0.0


def _centred_ranks(values: Floats) -> Floats:
    """Return the ranks, which equal values share, less their mean."""
    ordered = np.sort(values)
    ranks = np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")
    centred: Floats = ranks - ranks.mean()
    return centred
