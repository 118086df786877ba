"""How well verdicts agree with situations, and with what longer training then gave."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.diagnosis_situations import SHORT
from benchmarks.diagnosis_trainings import Trained
from studyhall.search.diagnosis import more_epochs, rules
from studyhall.search.diagnosis.conditions import Standard
from studyhall.search.diagnosis.evidence import measure
from studyhall.search.diagnosis.rules import (
    CUT_SHORT,
    GOOD,
    OVERFIT,
    UNDERFIT,
    Judgement,
)

MUCH = 0.1  # share of the loss by which as many epochs again show that it was cut short
NEAR = 1.25  # times the lowest loss of the study: as good as its best


@dataclass(frozen=True)
class Judged:
    """A training with its two verdicts."""

    trained: Trained
    alone: Judgement
    in_study: Judgement
    achievable: float

    def is_right(self, judgement: Judgement) -> bool:
        """Return whether a verdict fits the situation, or what the training came to.

        A training that comes near the study's best by as many epochs again was cut short, whatever
        held it back; so was one without a fault, or overfitting, whose loss falls much further. One
        that was to be held back, and is near the study's best all the same, fits well.
        """
        expected, came_to = self.trained.situation.expected, set()
        if UNDERFIT in expected and judgement is self.in_study:
            near = NEAR * self.achievable
            came_to |= {CUT_SHORT} if _lowest(self.trained.longer) <= near else set()
            came_to |= {GOOD} if _lowest(self.trained.history) <= near else set()
        elif {GOOD, OVERFIT} & {*expected} and gained(self.trained) > MUCH:
            came_to = {CUT_SHORT}
        return judgement.verdict in {*expected, *came_to}


def gained(trained: Trained) -> float:
    """Return what as many epochs again brought, as a share of the lowest validation loss."""
    short, long = (_lowest(each) for each in (trained.history, trained.longer))
    return 1 - long / short if short > 0 else 0.0


def _lowest(history: list[dict[str, Any]]) -> float:
    losses = [epoch["val_loss"] for epoch in history if np.isfinite(epoch["val_loss"])]
    return min(losses, default=np.inf)


def answer(trained: Trained) -> str:
    """Return whether it is said to be worth training longer: yes, no or unknown."""
    evidence = measure(trained.history, trained.guess_loss)
    return more_epochs.answered(evidence, trained.stopped)[0]


def judge(trained: list[Trained]) -> list[Judged]:
    """Return the verdicts on all of them, alone and in the study of their data."""
    values = defaultdict(list)
    for each in trained:
        evidence = measure(each.history, each.guess_loss)
        if evidence is not None:
            values[_same_data(each)].append(evidence.validation_best / each.guess_loss)
    return [
        Judged(
            each,
            _finding(each, Standard(validation_samples=each.validation_samples)),
            _finding(
                each,
                Standard(
                    achievable=min(values[_same_data(each)], default=None),
                    validation_samples=each.validation_samples,
                ),
            ),
            each.guess_loss * min(values[_same_data(each)], default=np.inf),
        )
        for each in trained
    ]


def _same_data(trained: Trained) -> tuple[object, ...]:
    situation = trained.situation
    shape = (situation.family, situation.epochs) if situation in SHORT else ()
    return trained.source, trained.seed, situation.noise, situation.samples, *shape


def _finding(trained: Trained, standard: Standard) -> Judgement:
    evidence = measure(trained.history, trained.guess_loss)
    if evidence is None:  # no epoch had a finite loss
        return Judgement(rules.DIVERGED, 1.0, 1.0, "")
    return rules.judge(evidence, standard)
