"""A search by one worker, simulated on a recording: recorded seconds instead of a clock."""

import argparse
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import curves_strategies as strategies
from benchmarks.curves_file import Curve, Recording
from benchmarks.curves_strategies import Strategy, Verdict
from benchmarks.quality_tasks import TASKS
from studyhall.storage.database import encoding
from studyhall.storage.sampling.feed import Finished

COMPLETE, PRUNED, FAIL = "COMPLETE", "PRUNED", "FAIL"
SHARES = (1 / 6, 1 / 3, 2 / 3, 1.0)  # of the time, at which the best value is shown
AFTER = (10, 30, 100, 300, 1000)  # trials, after which the median of first epochs is shown
PRUNERS = ("none", "auto", "median", "median:4", "median:8", "percentile:8", "hyperband:3")
USUAL = tuple(f"{sampler}+{pruner}" for sampler in ("random", "tpe") for pruner in PRUNERS)


@dataclass
class Simulated:
    """One trial so far: its number, the epochs that it has reported, its state in the end."""

    number: int
    curve: Curve
    reports: dict[int, float] = field(default_factory=dict)
    state: str = ""

    @property
    def best(self) -> float:
        """The least loss; infinite before the first epoch."""
        return min(self.reports.values(), default=math.inf)

    def finished(self, recording: Recording, sequence: int) -> Finished:
        """Return it as samplers and pruners read it."""
        last = max(self.reports, default=None)
        return Finished(
            sequence,
            trial_id=self.number,
            number=self.number,
            state=self.state,
            value=None if self.state == FAIL else self.best,
            last_step=last,
            last_value=None if last is None else self.reports[last],
            **dict(zip(("params", "distributions"), _packed(self.curve, recording), strict=True)),
            attributes="{}",
            reports=encoding.pack_reports(self.reports) if self.state == COMPLETE else None,
        )


@dataclass
class Replayed:
    """One search.

    Attributes:
        trials: those that have ended, in their order.
        best: (seconds, least loss of complete trials), wherever it has improved.
        all_taken: whether it ended because no configuration was left.
    """

    trials: list[Simulated] = field(default_factory=list)
    best: list[tuple[float, float]] = field(default_factory=list)
    all_taken: bool = False

    def at(self, seconds: float) -> float:
        """Return the least loss after so many seconds."""
        return min((value for when, value in self.best if when <= seconds), default=math.inf)

    def first_epochs(self, count: int) -> float | None:
        """Return the median of the first epochs of the complete among the first trials."""
        if count > len(self.trials):
            return None
        complete = [trial for trial in self.trials[:count] if trial.state == COMPLETE]
        return statistics.median(t.reports[1] for t in complete) if complete else None


def replay(
    recording: Recording, strategy: Strategy, *, seconds: float, cost_s: float, patience: int
) -> Replayed:
    """Simulate a search.

    Args:
        recording: the configurations.
        strategy: decides.
        seconds: simulated time of the search.
        cost_s: seconds that each start of a trial takes besides building its model.
        patience: epochs without improvement after which a trial is complete; 0: never.
    """
    found, clock = Replayed(), 0.0
    known: dict[int, Simulated] = {}  # by index
    while clock < seconds:
        index = strategy.choose(len(known))
        if index is None:
            found.all_taken = True
            break
        trial = known.setdefault(index, Simulated(len(known), recording.curves[index]))
        clock += cost_s + trial.curve.setup_s
        clock = _train(trial, strategy, clock, seconds, patience)
        if clock < seconds and trial.state:
            found.trials.append(trial)
            if trial.state == COMPLETE and trial.best < found.at(clock):
                found.best.append((clock, trial.best))
            strategy.learn(trial.finished(recording, len(found.trials)))
    return found


def _train(
    trial: Simulated, strategy: Strategy, clock: float, seconds: float, patience: int
) -> float:
    """Run a trial until it ends or pauses, or the time is over; return the clock."""
    for epoch in range(len(trial.reports) + 1, len(trial.curve.values) + 1):
        clock, value = clock + trial.curve.seconds[epoch - 1], float(trial.curve.values[epoch - 1])
        if clock >= seconds:
            return clock
        if not math.isfinite(value):
            trial.state = FAIL
            return clock
        trial.reports[epoch] = value
        verdict = strategy.judge(trial.number, trial.reports, epoch)
        if verdict is Verdict.PRUNE:
            trial.state = PRUNED
        if verdict is not Verdict.GO_ON:
            return clock
        if patience and epoch - min(trial.reports, key=trial.reports.__getitem__) >= patience:
            break
    trial.state = COMPLETE
    return clock


def replayed(recording: Recording, name: str, seed: int, options: argparse.Namespace) -> Replayed:
    """Simulate a search with the strategy of a name; its seconds are asked for, or the task's."""
    task = TASKS[recording.task]
    return replay(
        recording,
        strategies.made(name, recording, seed),
        seconds=(options.seconds or task.seconds) * options.speed,
        cost_s=options.cost * options.speed,
        patience=task.patience,
    )


def show(path: Path, options: argparse.Namespace) -> None:
    """Replay every strategy on one recording and print them side by side."""
    recording = Recording.read(path)
    seconds = options.seconds or TASKS[recording.task].seconds
    print(
        f"\n{recording.task}: {len(recording.curves)} configurations, "
        f"the best {min(curve.best for curve in recording.curves):.4g}; medians of "
        f"{options.replays} searches of {seconds:g} s\n{'':20}best value after"
        f"{'':28}trials  pruned  at epoch 1   median of first epochs after trials"
    )
    times = "".join(f"{share * seconds:9.0f} s" for share in SHARES)
    print(f"{'':20}{times}{'':29}" + "".join(f"{count:8}" for count in AFTER))
    for name in options.strategy or USUAL:
        found = [replayed(recording, name, seed, options) for seed in range(options.replays)]
        print(_row(name, found, seconds * options.speed), flush=True)


def _row(name: str, found: Sequence[Replayed], seconds: float) -> str:
    values = [statistics.median(one.at(share * seconds) for one in found) for share in SHARES]
    early = [[t for t in one.trials if t.state == PRUNED and len(t.reports) == 1] for one in found]
    pruned = [[t for t in one.trials if t.state == PRUNED] for one in found]
    counts = [
        statistics.median(map(len, each)) for each in ([o.trials for o in found], pruned, early)
    ]
    medians = [[one.first_epochs(count) for one in found] for count in AFTER]
    known = [[value for value in each if value is not None] for each in medians]
    taken = sum(one.all_taken for one in found)
    return (
        f"{name:20}{''.join(f'{value:11.4g}' for value in values)}"
        f"{counts[0]:9.0f}{counts[1]:8.0f}{counts[2]:12.0f}"
        + "".join(f"{statistics.median(each):8.3g}" if each else f"{'':8}" for each in known)
        + (f"  {taken} × all taken" if taken else "")
    )


def _packed(curve: Curve, recording: Recording) -> tuple[str, str]:
    return encoding.pack_params(curve.params, recording.distributions)
