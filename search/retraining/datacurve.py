"""Would more data help? The best trial trained on shares of the training data, and what that says.

The shares are nested and stratified, the validation set is the same. Needs nothing of Keras.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from search.report import show
from search.retraining import seeds
from storage import retrainings, studies
from storage.database import Database
from storage.retrainings import DATACURVE, Retraining
from storage.studies import Study

PERCENTS = (25, 50, 75, 100)
SEEDS = 3
FACT = "datacurve"  # which trial was asked about last, and with how many seeds
MUCH, LITTLE = 0.05, 0.015  # shares of the loss that twice the data would take off
CLEAR = 2.0  # standard errors that the fall from half of the data must be


@dataclass(frozen=True)
class Point:
    """What a share of the training data gives.

    Attributes:
        percent, samples: of the training part.
        values: validation losses, one per seed.
        train: the training loss at the best epochs, their mean.
    """

    percent: int
    samples: int
    values: tuple[float, ...]
    train: float

    @property
    def mean(self) -> float:
        """Validation loss, over the seeds."""
        return float(np.mean(self.values))

    @property
    def error(self) -> float:
        """Standard error of the mean; 0 for one seed."""
        count = len(self.values)
        return 0.0 if count < 2 else float(np.std(self.values, ddof=1) / math.sqrt(count))


@dataclass(frozen=True)
class DataCurve:
    """The learning curve over the size of the training data.

    Attributes:
        trial: whose hyperparameters were trained.
        points: the smallest share first; none without a value.
        left: trainings that have not ended.
        gpu_seconds: what they have taken, which is no part of the budget.
        reasons: why trainings failed.
    """

    trial: int
    points: tuple[Point, ...]
    left: int
    gpu_seconds: float
    reasons: tuple[str, ...]

    @cached_property
    def doubled(self) -> float | None:
        """The loss that twice the data would give, by a power law; None where none fits.

        Hestness and others, "Deep learning scaling is predictable, empirically", 2017.
        """
        return _doubled(self.points) if len(self.points) >= 3 else None

    @property
    def answer(self) -> str:
        """Would more data help: "yes", "a little", "no" or "unknown"."""
        whole = self.points[-1] if self.points else None
        half = next((point for point in self.points if point.percent == 50), None)
        if self.left or whole is None or whole.percent != 100 or half is None:
            return "unknown"
        error = math.hypot(whole.error, half.error)
        fall = half.mean - whole.mean
        scale = max(abs(whole.mean), 1e-12)
        if fall <= max(CLEAR * error, LITTLE * scale):
            return "no"
        more = fall / 2 if self.doubled is None else whole.mean - self.doubled
        return "yes" if more >= MUCH * scale else "a little" if more >= LITTLE * scale else "no"

    def sentences(self) -> Iterator[str]:
        """In words."""
        yield f"Would more data help? {self._answered()}"
        if self.reasons:
            yield f"{len(self.reasons)} of its trainings failed: {self.reasons[0]}."

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "trial": self.trial,
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
            f"trial {self.trial} comes to a validation loss of {_shown(half)} on half of the "
            f"training data and {_shown(whole)} on all {whole.samples} samples"
        )
        if self.answer == "no":
            return f"Hardly: {found}; tune rather than collect."
        said = "Yes" if self.answer == "yes" else "A little"
        if self.doubled is None:
            return f"{said}: {found}."
        return f"{said}: {found}; twice as many would give about {show.number(self.doubled)}."


def plan(db: Database, study: Study, trial: int, seeds_each: int) -> None:
    """Write down which trainings are to be done; those of an earlier call stay."""
    studies.set_fact(db, study, FACT, {"trial": trial, "seeds": seeds_each})
    rows = [
        Retraining(
            DATACURVE,
            trial,
            repeat,
            percent,
            seeds.seed(study.seed, trial, repeat, seeds.DATACURVE),
        )
        for repeat in range(seeds_each)
        for percent in PERCENTS
    ]
    retrainings.plan(db, study, DATACURVE, rows)


def read(db: Database, study: Study) -> DataCurve | None:
    """What has been found; None where nobody has asked for it."""
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
    )


def rows(found: DataCurve) -> tuple[list[str], list[list[str]]]:
    """A table: a row per share."""
    head = ["training data", "samples", "validation loss", "training loss", "each"]
    body = [
        [
            f"{point.percent} %",
            str(point.samples),
            _shown(point),
            show.number(point.train),
            ", ".join(map(show.number, point.values)),
        ]
        for point in found.points
    ]
    return head, body


def _point(percent: int, results: Sequence[dict[str, Any]]) -> Point:
    values = tuple(float(result["validation"]) for result in results)
    train = float(np.mean([result["train"] for result in results]))
    return Point(percent, int(results[0]["samples"]), values, train)


def _shown(point: Point) -> str:
    error = f" ± {point.error:.2g}" if len(point.values) > 1 else ""
    return f"{show.number(point.mean)}{error}"


def _doubled(points: Sequence[Point]) -> float | None:
    from scipy import optimize

    sizes = np.array([point.samples for point in points], float) / points[-1].samples
    losses = np.array([point.mean for point in points])
    span = float(losses.max() - losses.min())
    if span <= 0 or losses[-1] >= losses[0]:
        return None
    floor = min(0.0, float(losses.min()) - 10 * span)
    least = float(losses.min())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optimize.OptimizeWarning)
        try:
            (limit, scale, power), _ = optimize.curve_fit(
                _power_law,
                sizes,
                losses,
                p0=(least - 0.5 * span, 0.5 * span, 0.5),
                bounds=((floor - 1e-9, 0.0, 0.05), (least, np.inf, 3.0)),
            )
        except (RuntimeError, ValueError):  # no such curve
            return None
    return float(_power_law(2.0, limit, scale, power))


def _power_law(size: Any, limit: float, scale: float, power: float) -> Any:
    return limit + scale * size**-power
