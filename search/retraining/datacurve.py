"""The data curve: the best trial trained on shares of the training data. Would more data help?

Each share contains the smaller ones; the validation set is the same. Importable without Keras.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from studyhall.search.display import words
from studyhall.search.retraining import power_law
from studyhall.search.study_file import objectives
from studyhall.search.trial import seeds
from studyhall.storage.database import Database
from studyhall.storage.database.companions import DATACURVE
from studyhall.storage.studies import retrainings, studies
from studyhall.storage.studies.retrainings import Retraining
from studyhall.storage.studies.rows import Study

PERCENTS = (25, 50, 75, 100)
SEEDS = 3
FACT = "datacurve"  # key under which trial and number of seeds requested last are stored
# Relative improvement expected of twice the data, from which the answer is "yes" or "a little".
MUCH, LITTLE = 0.05, 0.015
CLEAR = 2.0  # standard errors by which all the data must beat half of them


@dataclass(frozen=True)
class Point:
    """The results for one share of the training data.

    Attributes:
        percent, samples: size of the share.
        values: value of the objective for each seed.
        train: mean of the objective on the training set at the best epochs.
    """

    percent: int
    samples: int
    values: tuple[float, ...]
    train: float | None

    @property
    def mean(self) -> float:
        """The mean of the values."""
        return float(np.mean(self.values))

    @property
    def error(self) -> float:
        """The standard error of the mean; 0 for one seed."""
        count = len(self.values)
        return 0.0 if count < 2 else float(np.std(self.values, ddof=1) / math.sqrt(count))


@dataclass(frozen=True)
class DataCurve:
    """The learning curve over the size of the training data.

    Attributes:
        trial: number of the trial whose hyperparameters are used.
        points: results of the shares, the smallest first; shares without values are missing.
        left: number of trainings that have not ended.
        gpu_seconds: device time of the trainings in seconds, outside of the budget.
        reasons: reasons of the failed trainings.
        objective, direction: name of the objective, and the direction in which it improves.
    """

    trial: int
    points: tuple[Point, ...]
    left: int
    gpu_seconds: float
    reasons: tuple[str, ...]
    objective: str = objectives.LOSS
    direction: str = objectives.MINIMIZE

    @cached_property
    def doubled(self) -> float | None:
        """The value expected for twice the data, by a power law; None if none fits."""
        samples = [point.samples for point in self.points]
        found = power_law.doubled(samples, [self._cost(point.mean) for point in self.points])
        return None if found is None else self._bound + objectives.sign(self.direction) * found

    @property
    def answer(self) -> str:
        """The answer to "would more data help?": "yes", "a little", "no" or "unknown"."""
        whole = self.points[-1] if self.points else None
        half = next((point for point in self.points if point.percent == 50), None)
        if self.left or whole is None or whole.percent != 100 or half is None:
            return "unknown"
        error = math.hypot(whole.error, half.error)
        left = self._cost(whole.mean)
        gain, scale = self._cost(half.mean) - left, abs(left)
        if not scale or gain <= max(CLEAR * error, LITTLE * scale):
            return "no"
        # Without a power law, twice the data is assumed to gain half as much as the last doubling.
        more = gain / 2 if self.doubled is None else left - self._cost(self.doubled)
        return "yes" if more >= MUCH * scale else "a little" if more >= LITTLE * scale else "no"

    @property
    def _bound(self) -> float:
        return objectives.bound(self.objective) or 0.0

    def _cost(self, value: float) -> float:
        """Return the distance of a value from the best possible one, or from 0 if unknown."""
        return objectives.sign(self.direction) * (value - self._bound)

    def sentences(self) -> Iterator[str]:
        """Yield the answer in sentences."""
        yield f"Would more data help? {self._answered()}"
        if self.reasons:
            yield f"{len(self.reasons)} of its trainings failed: {self.reasons[0]}."

    def to_json(self) -> dict[str, Any]:
        """Return the data curve as JSON values."""
        return {
            "trial": self.trial,
            "objective": self.objective,
            "direction": self.direction,
            "answer": self.answer,
            "doubled": self.doubled,
            "left": self.left,
            "gpu_seconds": self.gpu_seconds,
            "reasons": list(self.reasons),
            "points": [
                {
                    "percent": point.percent,
                    "samples": point.samples,
                    "mean": point.mean,
                    "error": point.error,
                    "values": list(point.values),
                    "train": point.train,
                }
                for point in self.points
            ],
            "summary": [*self.sentences()],
        }

    def _answered(self) -> str:
        if self.answer == "unknown":
            return f"Not known yet: {self.left} trainings of trial {self.trial} are left."
        half = next(point for point in self.points if point.percent == 50)
        whole = self.points[-1]
        found = (
            f"trial {self.trial} reaches {self.objective} {_shown(half)} on half of the "
            f"training data and {_shown(whole)} on all {whole.samples} samples"
        )
        if self.answer == "no":
            return f"Hardly: {found}; tune rather than collect."
        said = "Yes" if self.answer == "yes" else "A little"
        if len(self.points) < power_law.NUMBERS:
            return f"{said}: {found}; too few shares to estimate the value for twice as many."
        if self.doubled is None:
            return f"{said}: {found}."
        return f"{said}: {found}; twice as many would give about {words.number(self.doubled)}."


def plan(db: Database, study: Study, trial: int, seeds_each: int) -> None:
    """Record the trainings to be done, in addition to those of earlier calls.

    Args:
        db: database of the study.
        study: the study.
        trial: number of the trial whose hyperparameters are used.
        seeds_each: number of seeds per share.
    """
    studies.set_fact(db, study, FACT, {"trial": trial, "seeds": seeds_each})
    retrainings.plan(db, study, DATACURVE, _trainings(study, trial, seeds_each))


def trains(db: Database, study: Study, trial: int, seeds_each: int) -> bool:
    """Return True if a data curve trains anything, and does not only show what is known."""
    known = retrainings.read(db, study, DATACURVE)
    ended = {(one.trial, one.repeat, one.percent) for one in known if one.result is not None}
    wanted = _trainings(study, trial, seeds_each)
    return any((one.trial, one.repeat, one.percent) not in ended for one in wanted)


def _trainings(study: Study, trial: int, seeds_each: int) -> list[Retraining]:
    return [
        Retraining(
            DATACURVE,
            trial,
            repeat,
            percent,
            seeds.retraining_seed(study.seed, trial, repeat, seeds.DATACURVE),
        )
        for repeat in range(seeds_each)
        for percent in PERCENTS
    ]


def read(db: Database, study: Study) -> DataCurve | None:
    """Read the data curve requested last; None if there is none."""
    asked = studies.facts(db, study).get(FACT)
    if asked is None:
        return None
    rows = [
        row
        for row in retrainings.read(db, study, DATACURVE)
        if row.trial == asked["trial"] and row.repeat < asked["seeds"]
    ]
    results = [(row.percent, row.result) for row in rows if row.result is not None]
    valued = [(percent, result) for percent, result in results if "value" in result]
    return DataCurve(
        asked["trial"],
        tuple(
            _point(p, [r for at, r in valued if at == p]) for p in sorted({p for p, _ in valued})
        ),
        sum(row.result is None for row in rows),
        sum(row.gpu_seconds for row in rows),
        tuple(result["reason"] for _, result in results if "reason" in result),
        objectives.shown(objectives.of_study(study.config)[0]),
        study.direction,
    )


def rows(found: DataCurve) -> tuple[list[str], list[list[str]]]:
    """Return a table header, and a row per share."""
    head = ["training data", "samples", found.objective, "on training data", "each"]
    body = [
        [
            f"{point.percent} %",
            str(point.samples),
            _shown(point),
            words.number(point.train),
            ", ".join(map(words.number, point.values)),
        ]
        for point in found.points
    ]
    return head, body


def _point(percent: int, results: Sequence[dict[str, Any]]) -> Point:
    values = tuple(float(result["value"]) for result in results)
    known = [result["train"] for result in results if result["train"] is not None]
    train = float(np.mean(known)) if known else None
    return Point(percent, int(results[0]["samples"]), values, train)


def _shown(point: Point) -> str:
    error = f" ± {point.error:.2g}" if len(point.values) > 1 else ""
    return f"{words.number(point.mean)}{error}"
