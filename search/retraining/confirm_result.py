"""The confirmation of the best trials with new seeds: means, confidence intervals, and a winner.

The best of many results is partly luck (the winner's curse): the mean over new seeds is a fair
estimate. Importable without Keras.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from studyhall.search.display import words
from studyhall.search.retraining.confirmed_trial import Confirmed, alike
from studyhall.search.study_file import objectives
from studyhall.search.trial import seeds
from studyhall.spaces import spelling
from studyhall.storage.database import Database
from studyhall.storage.database.companions import CONFIRM
from studyhall.storage.queries import records
from studyhall.storage.studies import retrainings, studies
from studyhall.storage.studies.retrainings import Retraining
from studyhall.storage.studies.rows import Study

FACT = "confirmation"  # key under which the numbers of trials and seeds requested last are stored


@dataclass(frozen=True)
class Confirmation:
    """The state of a confirmation.

    Attributes:
        top, seeds: numbers of trials and of seeds per trial that were requested last.
        ranked: confirmed trials, the best mean first, those without a mean last.
        missing: numbers of trials that now rank among the best ``top`` but were not confirmed.
        earlier: an earlier, complete confirmation, which counts until this one is complete.
        later: number of trainings left in a newer confirmation that will replace this one.
    """

    top: int
    seeds: int
    ranked: tuple[Confirmed, ...]
    missing: tuple[int, ...]
    earlier: Confirmation | None = None
    later: int = 0

    @property
    def left(self) -> int:
        """The number of trainings that have not ended."""
        return sum(run.result is None for each in self.ranked for run in each.runs)

    @property
    def gpu_seconds(self) -> float:
        """The device time of all trainings in seconds, which is outside of the study's budget."""
        return sum(run.gpu_seconds for each in self.ranked for run in each.runs)

    @property
    def current(self) -> bool:
        """True if all of the best trials are confirmed, so that there is a winner."""
        return self.left == 0 and not self.missing and self.winner is not None

    @property
    def standing(self) -> Confirmation:
        """The confirmation that counts: this one, or the earlier one while this is incomplete."""
        if self.current or self.earlier is None or not self.earlier.current:
            return self
        return replace(self.earlier, later=self.left)

    @property
    def covers(self) -> dict[str, Any]:
        """The request as JSON values: numbers of trials and seeds, and the trials confirmed."""
        trials = [each.trial.number for each in self.ranked]
        return {"top": self.top, "seeds": self.seeds, "trials": trials}

    @cached_property
    def winner(self) -> Confirmed | None:
        """The trial with the best mean, or None."""
        first = self.ranked[0] if self.ranked else None
        return first if first is not None and first.mean is not None else None

    @cached_property
    def equals(self) -> list[int]:
        """The trials that don't differ significantly from the winner (Welch's t-test)."""
        if self.winner is None:
            return []
        return [e.trial.number for e in self.ranked[1:] if alike(self.winner.values, e)]

    def to_json(self) -> dict[str, Any]:
        """Return the confirmation as JSON values."""
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
        """Yield the result in sentences."""
        if self.left or self.missing:
            yield from self._unfinished()
            if self.standing is not self:
                yield "Until it is complete, the previous confirmation counts."
                yield from replace(self.standing, later=0).sentences()
            return
        if self.winner is None or self.winner.mean is None:
            yield "None of the best trials could be retrained."
            return
        within = f"mean {words.number(self.winner.mean)}"
        if self.winner.interval:
            low, high = map(words.number, self.winner.interval)
            within += f", with 95 % between {low} and {high}"
        searched = words.number(self.winner.trial.value)
        ranked = sum(each.mean is not None for each in self.ranked)
        yield (
            f"Confirmed with {spelling.counted(self.seeds, 'new seed')} each, trial "
            f"{self.winner.trial.number} is the best of {ranked}: {within}; in the search it "
            f"reached {searched}."
        )
        if self.equals:
            of = spelling.counted_as(len(self.equals), "trial")
            yield f"Its lead over {of} {spelling.listed(self.equals)} may be due to chance."
        if self.later:
            left = spelling.counted(self.later, "training")
            yield f"Another confirmation is running: {left} left."

    def _unfinished(self) -> Iterator[str]:
        if self.missing:
            of = spelling.counted_as(len(self.missing), "trial")
            numbers = spelling.listed(self.missing)
            yield f"Not confirmed yet, but now among the best {self.top}: {of} {numbers}."
        if self.left:
            yield f"The confirmation is running: {spelling.counted(self.left, 'training')} left."


def plan(db: Database, study: Study, top: int, seeds_each: int) -> None:
    """Record the trainings to be done, in addition to those of earlier calls.

    An earlier, complete confirmation counts until this one is complete. If it had as many or more
    trials and seeds, it is kept for good.

    Args:
        db: database of the study.
        study: the study.
        top: number of best trials to confirm.
        seeds_each: number of new seeds per trial.
    """
    known = read(db, study)
    stands = known.standing if known is not None and known.standing.current else None
    if stands is not None and top <= stands.top and seeds_each <= stands.seeds:
        top, seeds_each = stands.top, stands.seeds
    best, _ = records.best(db, study, top)
    earlier = None if stands is None else stands.covers
    studies.set_fact(db, study, FACT, {"top": top, "seeds": seeds_each, "earlier": earlier})
    rows = [
        Retraining(
            CONFIRM, t.number, repeat, 100, seeds.retraining_seed(study.seed, t.number, repeat)
        )
        for t in best
        for repeat in range(seeds_each)
    ]
    retrainings.plan(db, study, CONFIRM, rows)


def settle(db: Database, study: Study, found: Confirmation) -> None:
    """Discard the earlier confirmation, now that this one is complete."""
    studies.set_fact(db, study, FACT, {"top": found.top, "seeds": found.seeds})


def read(db: Database, study: Study) -> Confirmation | None:
    """Read the state of the last confirmation requested; None if there is none."""
    asked = studies.facts(db, study).get(FACT)
    if asked is None:
        return None
    done = retrainings.read(db, study, CONFIRM)
    found = _read(db, study, done, asked["top"], asked["seeds"])
    earlier = asked.get("earlier")
    if earlier is None or found.current:
        return found
    of_earlier = [row for row in done if row.trial in earlier["trials"]]
    return replace(found, earlier=_read(db, study, of_earlier, earlier["top"], earlier["seeds"]))


def _read(
    db: Database, study: Study, rows: Sequence[Retraining], top: int, count: int
) -> Confirmation:
    about = objectives.sign(study.direction), objectives.of_study(study.config)[0]
    asked = [row for row in rows if row.repeat < count]
    best, begun = records.best(db, study, top, sorted({row.trial for row in asked}))
    found = [Confirmed(t, tuple(r for r in asked if r.trial == t.number), *about) for t in begun]
    # Trials of an earlier request with fewer seeds do not count as confirmed.
    whole = [each for each in found if len(each.runs) == count]
    known = {each.trial.number for each in whole}
    missing = tuple(t.number for t in best if t.number not in known)
    return Confirmation(top, count, tuple(sorted(whole, key=_place)), missing)


def rows(found: Confirmation) -> tuple[list[str], list[list[str]]]:
    """Return a table header, and a row per trial."""
    head = ["trial", "searched", "mean", "95 % from", "to", "each"]
    return head, [_row(each) for each in found.ranked]


def _row(each: Confirmed) -> list[str]:
    low, high = each.interval or (None, None)
    values = ", ".join(map(words.number, each.values)) or "–"
    failed = f"; failed: {each.reasons[0]}" if each.reasons else ""
    numbers = map(words.number, (each.trial.value, each.mean, low, high))
    return [str(each.trial.number), *numbers, f"{values}{failed}"]


def _place(each: Confirmed) -> tuple[bool, float, int]:
    return each.mean is None, each.sign * (each.mean or 0.0), each.trial.number
