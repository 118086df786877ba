"""The pruners, which decide from sorted values in memory whether a running trial ends early.

They are defined as Optuna's (`optuna.pruners`), but a decision takes one look-up, however many
trials there are: the values of finished trials are sorted by step as they arrive.
"""

import binascii
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from studyhall.storage.database import encoding
from studyhall.storage.sampling.feed import Finished, Rung
from studyhall.storage.sampling.sorted_values import SortedValues

Reports = Mapping[int, float]  # costs by step


class Pruner(Protocol):
    """The interface of pruners: learn from the feed, then decide about one running trial.

    Attributes:
        needs_rungs: whether the pruner uses the rungs in the feed.
    """

    needs_rungs: bool

    def learn(self, finished: Sequence[Finished], rungs: Sequence[Rung]) -> None:
        """Take in news from the feed; it contains each finished trial once."""

    def rung(self, number: int, reports: Reports, step: int) -> int | None:
        """Return the rung that trial `number` enters next with its report at `step`, or None.

        If many steps lie between two reports, the later may enter several rungs. It enters the next
        only if its value is good enough for the one before: ask again once the feed has returned
        that rung.
        """

    def should_prune(self, number: int, reports: Reports, step: int) -> bool:
        """Tell whether trial `number` should end with its report at `step`."""


class Never:
    """The pruner that never ends a trial (`optuna.pruners.NopPruner`)."""

    needs_rungs = False

    def learn(self, finished: Sequence[Finished], rungs: Sequence[Rung]) -> None:
        """Do nothing."""

    def rung(self, number: int, reports: Reports, step: int) -> int | None:
        """Return None: this pruner has no rungs."""
        return None

    def should_prune(self, number: int, reports: Reports, step: int) -> bool:
        """Return False."""
        return False


class Percentile:
    """The percentile pruner (`optuna.pruners.PercentilePruner`; 50 is the median pruner).

    It ends a trial whose lowest cost so far is above a percentile of the complete trials' costs at
    the same step.

    Args:
        percentile: 0 to 100.
        n_startup_trials: number of complete trials before the first decision.
        n_warmup_steps: steps below this are never judged.
        interval_steps: number of steps between two decisions.
        n_min_trials: number of complete trials with a report at the same step.
    """

    needs_rungs = False

    def __init__(
        self,
        percentile: float,
        n_startup_trials: int = 5,
        n_warmup_steps: int = 0,
        interval_steps: int = 1,
        n_min_trials: int = 1,
    ) -> None:
        self.percentile = percentile
        self.n_startup_trials = n_startup_trials
        self.n_warmup_steps = n_warmup_steps
        self.interval_steps = interval_steps
        self.n_min_trials = n_min_trials
        self._complete = 0
        self._values: defaultdict[int, SortedValues] = defaultdict(SortedValues)

    def learn(self, finished: Sequence[Finished], rungs: Sequence[Rung]) -> None:
        """Add the costs of complete trials, sorted by step."""
        arrived: defaultdict[int, list[float]] = defaultdict(list)
        for trial in finished:
            if trial.state == "COMPLETE":
                self._complete += 1
                for step, value in enumerate(
                    encoding.unpack_reports(trial.reports or b"").tolist()
                ):
                    if not math.isnan(value):
                        arrived[step].append(value)
        for step, values in arrived.items():
            self._values[step].extend(values)

    def rung(self, number: int, reports: Reports, step: int) -> int | None:
        """Return None: this pruner has no rungs."""
        return None

    def should_prune(self, number: int, reports: Reports, step: int) -> bool:
        """Tell whether the lowest cost so far is above the percentile at this step."""
        if self._complete < max(self.n_startup_trials, 1) or not self._judges(reports, step):
            return False
        best = min((value for value in reports.values() if not math.isnan(value)), default=None)
        if best is None:  # all reports are NaN
            return True
        at_step = self._values.get(step)
        if at_step is None or len(at_step) < self.n_min_trials:
            return False
        return best > at_step.percentile(self.percentile)

    def _judges(self, reports: Reports, step: int) -> bool:
        """Tell whether this report is the first in its interval of steps."""
        if step < self.n_warmup_steps:
            return False
        since = (step - self.n_warmup_steps) // self.interval_steps * self.interval_steps
        return _previous(reports, step) < since + self.n_warmup_steps


class Halving:
    """The asynchronous successive halving pruner (`optuna.pruners.SuccessiveHalvingPruner`).

    A trial that reaches a rung goes on only if its cost is among the best 1/`reduction_factor`
    of all trials that have reached it.

    Args:
        min_resource: the step of the first rung, if `min_early_stopping_rate` is 0.
        reduction_factor: ratio of the steps of two consecutive rungs.
        min_early_stopping_rate: moves every rung to a later step, by this power of the factor.
        bootstrap_count: the first so many trials at a rung end there.
    """

    needs_rungs = True

    def __init__(
        self,
        min_resource: int = 1,
        reduction_factor: int = 4,
        min_early_stopping_rate: int = 0,
        bootstrap_count: int = 0,
    ) -> None:
        self.min_resource = min_resource
        self.reduction_factor = reduction_factor
        self.min_early_stopping_rate = min_early_stopping_rate
        self.bootstrap_count = bootstrap_count
        # By rung: costs by trial number, and the same costs sorted.
        self._at: defaultdict[int, dict[int, float]] = defaultdict(dict)
        self._sorted: defaultdict[int, SortedValues] = defaultdict(SortedValues)

    def learn(self, finished: Sequence[Finished], rungs: Sequence[Rung]) -> None:
        """Add the costs with which trials have reached rungs."""
        for passed in rungs:
            self._enter(passed.number, passed.rung, passed.value)

    def rung(self, number: int, reports: Reports, step: int) -> int | None:
        """Return the first rung after the previous report that the trial may enter and has not.

        After a takeover, a rung that was entered with another value before is entered again.
        """
        value = reports[step]
        for rung in [] if math.isnan(value) else self._due(_previous(reports, step), step):
            if self._at[rung].get(number) != value:
                return rung
            if not self._promotable(rung, value):
                break
        return None

    def should_prune(self, number: int, reports: Reports, step: int) -> bool:
        """Tell whether the cost is too high for a rung that the trial has just reached, or NaN."""
        value = reports[step]
        for rung in self._due(_previous(reports, step), step):
            if math.isnan(value):
                return True
            self._enter(number, rung, value)
            if not self._promotable(rung, value):
                return True
        return False

    def _due(self, previous: int, step: int) -> Iterable[int]:
        rung = 0
        while (at := self.step_of(rung)) <= step:
            if at > previous:
                yield rung
            rung += 1

    def step_of(self, rung: int) -> int:
        """Return the step at which a trial reaches a rung, the first of which is 0."""
        factor: int = self.reduction_factor ** (self.min_early_stopping_rate + rung)
        return self.min_resource * factor

    def _enter(self, number: int, rung: int, value: float) -> None:
        before = self._at[rung].get(number)
        if before is not None:
            self._sorted[rung].remove(before)
        self._at[rung][number] = value
        self._sorted[rung].add(value)

    def _promotable(self, rung: int, value: float) -> bool:
        competing = self._sorted[rung]
        if len(competing) <= self.bootstrap_count:
            return False
        return value <= competing[max(len(competing) // self.reduction_factor - 1, 0)]


class Hyperband:
    """The Hyperband pruner (`optuna.pruners.HyperbandPruner`): successive halving in brackets.

    The sampler sees the trials of all brackets; Optuna's shows it only those of the trial's own.

    Args:
        study_name: the study's name, which decides the bracket of a trial together with its number.
        min_resource: step of the first rung of the first bracket.
        max_resource: the number of steps of a full trial.
        reduction_factor: ratio of the steps of two consecutive rungs.
        bootstrap_count: the first so many trials at a rung end there.
    """

    needs_rungs = True

    def __init__(
        self,
        study_name: str,
        *,
        min_resource: int = 1,
        max_resource: int = 100,
        reduction_factor: int = 3,
        bootstrap_count: int = 0,
    ) -> None:
        self.study_name = study_name
        ratio = math.log(max_resource / min_resource, reduction_factor)
        count = math.floor(ratio) + 1
        shares = range(count - 1, -1, -1)
        self._allotted = [math.ceil(count * reduction_factor**s / (s + 1)) for s in shares]
        self._brackets = [
            Halving(min_resource, reduction_factor, rate, bootstrap_count) for rate in range(count)
        ]

    def bracket(self, number: int) -> Halving:
        """Return the bracket of a trial, by a hash of the study's name and the trial's number."""
        place = binascii.crc32(f"{self.study_name}_{number}".encode()) % sum(self._allotted)
        for bracket, allotted in zip(self._brackets, self._allotted, strict=True):
            place -= allotted
            if place < 0:
                return bracket
        raise AssertionError("the place is below the sum")

    def steps(self, number: int) -> list[int]:
        """Return the steps of the rungs in a trial's bracket, the last of which is a full trial."""
        bracket = self.bracket(number)
        count = len(self._brackets) - bracket.min_early_stopping_rate
        return [bracket.step_of(rung) for rung in range(count)]

    def learn(self, finished: Sequence[Finished], rungs: Sequence[Rung]) -> None:
        """Pass each rung to the bracket of its trial."""
        for passed in rungs:
            self.bracket(passed.number).learn((), (passed,))

    def rung(self, number: int, reports: Reports, step: int) -> int | None:
        """Return the next rung in the trial's bracket."""
        return self.bracket(number).rung(number, reports, step)

    def should_prune(self, number: int, reports: Reports, step: int) -> bool:
        """Return the decision of the trial's bracket."""
        return self.bracket(number).should_prune(number, reports, step)


def _previous(reports: Reports, step: int) -> int:
    """Return the last reported step before this one, or -1."""
    return max((at for at in reports if at < step), default=-1)
