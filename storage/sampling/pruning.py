"""Whether a running trial should stop early, from sorted values in memory.

The definitions are Optuna's (`optuna.pruners`): a decision costs a look-up, however many trials
there are, because finished trials' values are kept sorted by step as they arrive.
"""

import binascii
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from studyhall.storage.database import encoding
from studyhall.storage.sampling.feed import Finished, Rung
from studyhall.storage.sampling.sorted_values import SortedValues

Reports = Mapping[int, float]  # validation loss by step


class Pruner(Protocol):
    """Learns from the feed, then decides about one running trial at a time."""

    needs_rungs: bool

    def learn(self, finished: Sequence[Finished], rungs: Sequence[Rung]) -> None:
        """Takes in what the feed has brought: each finished trial once."""

    def rung(self, number: int, reports: Reports, step: int) -> int | None:
        """The rung that trial `number` enters next with its report at `step`, if there is one.

        A report far from the one before may pass several, each only by being good enough for the
        one before it: ask again when the rung has come back over the feed.
        """

    def should_prune(self, number: int, reports: Reports, step: int) -> bool:
        """Whether trial `number` shall end with its report at `step`."""


class Never:
    """No pruning (`optuna.pruners.NopPruner`)."""

    needs_rungs = False

    def learn(self, finished: Sequence[Finished], rungs: Sequence[Rung]) -> None:
        """Nothing to learn."""

    def rung(self, number: int, reports: Reports, step: int) -> int | None:
        """There are none."""
        return None

    def should_prune(self, number: int, reports: Reports, step: int) -> bool:
        """Never."""
        return False


class Percentile:
    """Stops a trial whose best value is worse than a percentile of the complete trials' values
    at the same step (`optuna.pruners.PercentilePruner`; the median pruner is its 50).

    Args:
        percentile: 0 to 100.
        n_startup_trials: complete trials before the first decision.
        n_warmup_steps: steps below this are never judged.
        interval_steps: judge every so many steps.
    """

    needs_rungs = False

    def __init__(
        self,
        percentile: float,
        n_startup_trials: int = 5,
        n_warmup_steps: int = 0,
        interval_steps: int = 1,
    ) -> None:
        self.percentile = percentile
        self.n_startup_trials = n_startup_trials
        self.n_warmup_steps = n_warmup_steps
        self.interval_steps = interval_steps
        self._complete = 0
        self._values: defaultdict[int, SortedValues] = defaultdict(SortedValues)

    def learn(self, finished: Sequence[Finished], rungs: Sequence[Rung]) -> None:
        """Sorts in the complete trials' values, step by step."""
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
        """There are none."""
        return None

    def should_prune(self, number: int, reports: Reports, step: int) -> bool:
        """Whether the best value so far is above the percentile at this step."""
        if self._complete < max(self.n_startup_trials, 1) or not self._judges(reports, step):
            return False
        best = min((value for value in reports.values() if not math.isnan(value)), default=None)
        if best is None:
            return True
        at_step = self._values.get(step)
        return at_step is not None and best > at_step.percentile(self.percentile)

    def _judges(self, reports: Reports, step: int) -> bool:
        """Whether this report is the first in its interval of steps."""
        if step < self.n_warmup_steps:
            return False
        since = (step - self.n_warmup_steps) // self.interval_steps * self.interval_steps
        return _previous(reports, step) < since + self.n_warmup_steps


class Halving:
    """Asynchronous successive halving (`optuna.pruners.SuccessiveHalvingPruner`).

    A trial that reaches a rung goes on only if its value is among the best 1/`reduction_factor`
    of all trials that have reached it.
    """

    needs_rungs = True

    def __init__(
        self, min_resource: int = 1, reduction_factor: int = 4, min_early_stopping_rate: int = 0
    ) -> None:
        self.min_resource = min_resource
        self.reduction_factor = reduction_factor
        self.min_early_stopping_rate = min_early_stopping_rate
        self._at: defaultdict[int, dict[int, float]] = defaultdict(dict)
        self._sorted: defaultdict[int, SortedValues] = defaultdict(SortedValues)

    def learn(self, finished: Sequence[Finished], rungs: Sequence[Rung]) -> None:
        """Sorts in the values with which trials have reached rungs."""
        for passed in rungs:
            self._enter(passed.number, passed.rung, passed.value)

    def rung(self, number: int, reports: Reports, step: int) -> int | None:
        """The first rung, since the report before, that the trial may enter and has not."""
        value = reports[step]
        for rung in [] if math.isnan(value) else self._due(_previous(reports, step), step):
            if self._at[rung].get(number) != value:
                return rung
            if not self._promotable(rung, value):
                break
        return None

    def should_prune(self, number: int, reports: Reports, step: int) -> bool:
        """Whether the value is too poor for a rung that it has just reached."""
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
        while (at := self._step_of(rung)) <= step:
            if at > previous:
                yield rung
            rung += 1

    def _step_of(self, rung: int) -> int:
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
        return value <= competing[max(len(competing) // self.reduction_factor - 1, 0)]


class Hyperband:
    """Successive halving at several rates at once (`optuna.pruners.HyperbandPruner`).

    The sampler sees the trials of all brackets, where Optuna shows it those of the trial's own.
    """

    needs_rungs = True

    def __init__(
        self,
        study_name: str,
        *,
        min_resource: int = 1,
        max_resource: int = 100,
        reduction_factor: int = 3,
    ) -> None:
        self.study_name = study_name
        ratio = math.log(max_resource / min_resource, reduction_factor)
        count = math.floor(ratio) + 1
        shares = range(count - 1, -1, -1)
        self._allotted = [math.ceil(count * reduction_factor**s / (s + 1)) for s in shares]
        self._brackets = [Halving(min_resource, reduction_factor, rate) for rate in range(count)]

    def bracket(self, number: int) -> Halving:
        """The bracket of a trial, drawn from the study's name and the trial's number."""
        place = binascii.crc32(f"{self.study_name}_{number}".encode()) % sum(self._allotted)
        for bracket, allotted in zip(self._brackets, self._allotted, strict=True):
            place -= allotted
            if place < 0:
                return bracket
        raise AssertionError("the place is below the sum")

    def learn(self, finished: Sequence[Finished], rungs: Sequence[Rung]) -> None:
        """Hands each passed rung to its trial's bracket."""
        for passed in rungs:
            self.bracket(passed.number).learn((), (passed,))

    def rung(self, number: int, reports: Reports, step: int) -> int | None:
        """The next rung of the trial's own bracket."""
        return self.bracket(number).rung(number, reports, step)

    def should_prune(self, number: int, reports: Reports, step: int) -> bool:
        """The decision of the trial's own bracket."""
        return self.bracket(number).should_prune(number, reports, step)


def _previous(reports: Reports, step: int) -> int:
    """The last reported step before this one, or -1."""
    return max((at for at in reports if at < step), default=-1)
