"""The best trials, confirmed with new seeds: their means, with intervals, and the winner.

The best of many results is the best partly by luck (the winner's curse): its mean over new seeds is
what it is worth. Needs nothing of Keras.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from search.report import show
from search.retraining import seeds
from search.study_file import objectives
from storage import records, retrainings, studies
from storage.database import Database
from storage.records import TrialRecord
from storage.retrainings import CONFIRM, Retraining
from storage.studies import Study

FACT = "confirmation"  # how many trials and seeds were asked for last
TOP, SEEDS = 5, 3  # unless somebody says otherwise
SURE = 0.95  # of the intervals
CHANCE = 0.05  # from which likelihood two trials can't be told apart


@dataclass(frozen=True)
class Confirmed:
    """One trial and its trainings with new seeds.

    Attributes:
        runs: those that were asked for, by repeat.
        sign: what a value is multiplied with, so that less is better.
    """

    trial: TrialRecord
    runs: tuple[Retraining, ...]
    sign: float = 1.0

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
        return float(np.mean(self.values)) if self.values and not self.reasons else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the mean over all seeds lies (Student's t); None for fewer than two values."""
        count = len(self.values)
        if self.mean is None or count < 2:
            return None
        from scipy import stats  # takes a moment that other questions need not wait for

        error = float(np.std(self.values, ddof=1) / np.sqrt(count))
        half = float(stats.t.ppf((1 + SURE) / 2, count - 1)) * error
        return self.mean - half, self.mean + half

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


@dataclass(frozen=True)
class Confirmation:
    """All of them, as far as they have come.

    Attributes:
        top, seeds: what was asked for last.
        ranked: the best mean first; those without one last.
        missing: trials that are among the best so many now, and were not confirmed.
    """

    top: int
    seeds: int
    ranked: tuple[Confirmed, ...]
    missing: tuple[int, ...]

    @property
    def left(self) -> int:
        """Trainings that have not ended."""
        return sum(run.result is None for each in self.ranked for run in each.runs)

    @property
    def gpu_seconds(self) -> float:
        """What they have taken, which is no part of the study's budget."""
        return sum(run.gpu_seconds for each in self.ranked for run in each.runs)

    @property
    def current(self) -> bool:
        """Whether the best trials are all confirmed, so that there is a winner."""
        return self.left == 0 and not self.missing and self.winner is not None

    @cached_property
    def winner(self) -> Confirmed | None:
        """The trial of the best mean."""
        first = self.ranked[0] if self.ranked else None
        return first if first is not None and first.mean is not None else None

    @cached_property
    def equals(self) -> list[int]:
        """Trials that can't be told apart from the winner (Welch's t-test)."""
        if self.winner is None:
            return []
        return [e.trial.number for e in self.ranked[1:] if _alike(self.winner.values, e)]

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "top": self.top,
            "seeds": self.seeds,
            "current": self.current,
            "left": self.left,
            "missing": list(self.missing),
            "winner": self.winner.trial.number if self.current and self.winner else None,
            "equals": self.equals if self.current else [],
            "gpu_seconds": self.gpu_seconds,
            "trials": [each.to_json() for each in self.ranked],
            "summary": [*self.sentences()],
        }

    def sentences(self) -> Iterator[str]:
        """What has come of it, for people."""
        if self.left or self.missing:
            yield from self._unfinished()
            return
        if self.winner is None or self.winner.mean is None:
            yield "None of the best trials could be trained anew."
            return
        within = f"mean {show.number(self.winner.mean)}"
        if self.winner.interval:
            low, high = map(show.number, self.winner.interval)
            within += f", with 95 % between {low} and {high}"
        searched = show.number(self.winner.trial.value)
        yield (
            f"Confirmed with {_count(self.seeds, 'new seed')} each, trial "
            f"{self.winner.trial.number} is the best of {len(self.ranked)}: {within}; the search "
            f"had given it {searched}."
        )
        if self.equals:
            others = ", ".join(map(str, self.equals))
            yield f"Chance alone may set it apart from trial {others}."

    def _unfinished(self) -> Iterator[str]:
        if self.missing:
            numbers = ", ".join(map(str, self.missing))
            yield f"Not confirmed, though among the best {self.top} by now: trial {numbers}."
        if self.left:
            yield f"The confirmation is under way: {_count(self.left, 'training')} left."


def plan(db: Database, study: Study, top: int, seeds_each: int) -> None:
    """Write down which trainings are to be done; those of an earlier call stay."""
    best, _ = records.best(db, study, top)
    studies.set_fact(db, study, FACT, {"top": top, "seeds": seeds_each})
    rows = [
        Retraining(CONFIRM, t.number, repeat, 100, seeds.seed(study.seed, t.number, repeat))
        for t in best
        for repeat in range(seeds_each)
    ]
    retrainings.plan(db, study, CONFIRM, rows)


def read(db: Database, study: Study) -> Confirmation | None:
    """What has been confirmed; None where nobody has asked for it."""
    asked = studies.facts(db, study).get(FACT)
    if asked is None:
        return None
    top, count = asked["top"], asked["seeds"]
    sign = objectives.sign(study.direction)
    rows = [row for row in retrainings.read(db, study, CONFIRM) if row.repeat < count]
    best, begun = records.best(db, study, top, sorted({row.trial for row in rows}))
    found = [Confirmed(t, tuple(r for r in rows if r.trial == t.number), sign) for t in begun]
    whole = [each for each in found if len(each.runs) == count]
    known = {each.trial.number for each in whole}
    missing = tuple(t.number for t in best if t.number not in known)
    return Confirmation(top, count, tuple(sorted(whole, key=_place)), missing)


def rows(found: Confirmation) -> tuple[list[str], list[list[str]]]:
    """A table: a row per trial."""
    head = ["trial", "searched", "mean", "95 % from", "to", "each"]
    return head, [_row(each) for each in found.ranked]


def _row(each: Confirmed) -> list[str]:
    low, high = each.interval or (None, None)
    values = ", ".join(map(show.number, each.values)) or "–"
    failed = f"; failed: {each.reasons[0]}" if each.reasons else ""
    numbers = map(show.number, (each.trial.value, each.mean, low, high))
    return [str(each.trial.number), *numbers, f"{values}{failed}"]


def _place(each: Confirmed) -> tuple[bool, float, int]:
    return each.mean is None, each.sign * (each.mean or 0.0), each.trial.number


def _value(run: Retraining) -> float:
    assert run.result is not None
    return float(run.result["value"])


def _alike(values: Sequence[float], other: Confirmed) -> bool:
    if other.mean is None or min(len(values), len(other.values)) < 2:
        return False
    if np.std(values) == np.std(other.values) == 0:
        return bool(np.mean(values) == other.mean)
    from scipy import stats

    chance = stats.ttest_ind(values, other.values, equal_var=False).pvalue
    return bool(chance > CHANCE)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
