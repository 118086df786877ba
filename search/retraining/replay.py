"""A trial trained anew from what is stored, and compared with what was recorded, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from search.report import show
from search.retraining.anew import Anew
from search.study_file.config import ConfigError
from search.trial.context import trial_seed
from search.trial.modelling import Blueprint
from storage import records
from storage.database import Database
from storage.records import TrialRecord
from storage.studies import Study

TOLERANCE = 1e-3  # relative; what other processors and threads make of the same arithmetic
EQUAL_ENDED = ("COMPLETE", "PRUNED", "FAIL")

History = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Difference:
    """One number that is not what was recorded.

    Attributes:
        part: which training of the trial, from 0: a fold or a repeat.
        epoch: from 1.
        name: of the metric.
        replayed: None where the training ended before.
    """

    part: int
    epoch: int
    name: str
    recorded: float
    replayed: float | None

    @property
    def relative(self) -> float:
        """How far apart they are, in units of what was recorded."""
        if self.replayed is None or math.isnan(self.recorded) != math.isnan(self.replayed):
            return math.inf
        return abs(self.replayed - self.recorded) / max(abs(self.recorded), 1e-12)


@dataclass(frozen=True)
class Replay:
    """What a replay has shown.

    Attributes:
        epochs: how many were compared.
        tolerance: relative difference up to which a trial reproduces.
        largest: relative difference of all numbers.
        first: the first number that is not the same to the last bit, or None.
        beyond: the first one that is farther off than the tolerance, or None.
    """

    trial: int
    epochs: int
    tolerance: float
    largest: float
    first: Difference | None
    beyond: Difference | None

    @property
    def reproduces(self) -> bool:
        """Whether no number is beyond the tolerance."""
        return self.beyond is None

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "trial": self.trial,
            "reproduces": self.reproduces,
            "exact": self.first is None,
            "epochs": self.epochs,
            "tolerance": self.tolerance,
            "largest": None if math.isinf(self.largest) else self.largest,
            "differs_at": None if self.first is None else asdict(self.first),
            "beyond_at": None if self.beyond is None else asdict(self.beyond),
        }

    def sentences(self) -> Iterator[str]:
        """For people."""
        if self.first is None:
            yield f"trial {self.trial} reproduces to the last bit: {self.epochs} epochs"
            return
        if self.reproduces:
            yield (
                f"trial {self.trial} reproduces within {self.tolerance:g}: {self.epochs} epochs, "
                f"the largest relative difference {self.largest:.1e}"
            )
        else:
            yield f"trial {self.trial} does not reproduce"
        yield f"it differs first {_where(self.first)}"
        if self.beyond is not None and self.beyond != self.first:
            yield f"beyond {self.tolerance:g} first {_where(self.beyond)}"


def replay(
    db: Database, study: Study, plan: Blueprint, number: int, tolerance: float = TOLERANCE
) -> Replay:
    """Train a trial anew, as far as it was trained, and compare.

    Args:
        plan: with the data and the code that the study began with.

    Raises:
        ConfigError: there is no such trial, or it has not ended, or has no epoch.
        TrialFailed, UserCodeError, ArchitectureError: it can't be built any more.
    """
    trial, history = _recorded(db, study, number)
    found = [*_differences(study, plan, trial, history)]
    differing = [each for each in found if each.relative > 0]
    beyond = [each for each in differing if each.relative > tolerance]
    return Replay(
        number,
        len(history),
        tolerance,
        max((each.relative for each in differing), default=0.0),
        differing[0] if differing else None,
        beyond[0] if beyond else None,
    )


def _recorded(db: Database, study: Study, number: int) -> tuple[TrialRecord, History]:
    trial = records.trial(db, study, number)
    if trial is None or trial.state not in EQUAL_ENDED:
        raise ConfigError(
            [f"trial: received {number}, expected one of {study.name} that has ended"]
        )
    history = records.history(db, trial.trial_id)
    if not history:
        raise ConfigError([f"trial: received {number}, which has no epoch, expected one that has"])
    return trial, history


def _differences(
    study: Study, plan: Blueprint, trial: TrialRecord, history: History
) -> Iterator[Difference]:
    """Every number of every recorded epoch beside its replay."""
    anew, folds = Anew(plan), len(plan.data.folds)
    for part in sorted({row["fold"] for row in history}):
        rows = {row["epoch"]: row for row in history if row["fold"] == part}
        seed = trial_seed(study.seed, trial.number, part // folds) + part % folds
        replayed = {}
        for epoch in anew.training(trial, seed, part % folds).epochs():
            replayed[epoch.number] = epoch.metrics
            if epoch.number >= max(rows):
                break
        for epoch_number, row in rows.items():
            yield from _of_epoch(part, epoch_number, row["metrics"], replayed.get(epoch_number))


def _of_epoch(
    part: int, epoch: int, recorded: Mapping[str, Any], replayed: Mapping[str, float] | None
) -> Iterator[Difference]:
    for name, value in recorded.items():
        number = math.nan if value is None else float(value)
        if replayed is None:
            yield Difference(part, epoch, name, number, None)
        elif name in replayed:
            now = float(replayed[name])
            if not (now == number or (math.isnan(now) and math.isnan(number))):
                yield Difference(part, epoch, name, number, now)


def _where(found: Difference) -> str:
    at = f"at epoch {found.epoch}" + (f" of part {found.part + 1}" if found.part else "")
    if found.replayed is None:
        return f"{at}: the training ends before it"
    if found.relative < 1e-4:
        return f"{at}: {found.name} by {found.relative:.1e}"
    recorded, now = show.number(found.recorded), show.number(found.replayed)
    return f"{at}: {found.name} was {recorded}, and is {now}"
