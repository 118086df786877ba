"""Bias and variance of a trial, and whether to collect more data or to tune.

The quadrant is the blog 'tuning methods''; the question of data is the book chapter's, with its
example: 1 % and 10 % wrong on training and validation set is variance, 14 % and 15 % is bias.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from studyhall.search.diagnosis.evidence import Evidence
from studyhall.search.diagnosis.rules import Standard

HIGH_ERROR = 0.05  # wrong answers, as a share, from which bias or variance is high
HIGH_LOSS = 0.1  # the same of the loss of guessing, where answers are not counted

QUADRANTS = {
    (False, False): "good",
    (False, True): "too complex",
    (True, False): "too simple",
    (True, True): "the wrong model",
}
ANSWERS = {
    (False, False): "neither is urgent: both errors are close to what is achievable",
    (False, True): "collect more data or regularise: it does well on the training set alone",
    (True, False): "tune, don't collect: it does poorly on the training set already",
    (True, True): "tune first: it does poorly on the training set, and worse on the validation set",
}
UNKNOWN = "whether more can be had, these curves can't tell"


@dataclass(frozen=True)
class Quadrant:
    """Where a trial stands between bias and variance.

    Attributes:
        name: good, too complex, too simple, or the wrong model.
        bias: how far its fit is from what is achievable.
        variance: how much worse it is on the validation set than on the training set.
        unit: what the two are measured in.
        reference: what the bias is measured against.
        data: collect more data, or tune?
    """

    name: str
    bias: float
    variance: float
    unit: str
    reference: str
    data: str

    def to_json(self) -> dict[str, Any]:
        """By name, rounded to what means anything."""
        rounded = {"bias": float(f"{self.bias:.3g}"), "variance": float(f"{self.variance:.3g}")}
        return {**vars(self), **rounded}


def place(evidence: Evidence, standard: Standard) -> Quadrant | None:
    """By the share of wrong answers where a human error is known, else by the loss.

    None where the loss says neither: nobody knows what guessing gets, or the training loss is
    measured differently.
    """
    if standard.human_error is not None and evidence.validation_error is not None:
        return _by_error(evidence, standard)
    if evidence.guess_loss is None or math.isnan(evidence.gap):
        return None
    return _by_loss(evidence, standard)


def _by_error(evidence: Evidence, standard: Standard) -> Quadrant:
    validation = evidence.validation_error or 0.0
    train = validation if evidence.train_error is None else evidence.train_error
    # Dropout and augmentation make training harder than the training set is.
    fit, human = min(train, validation), standard.human_error or 0.0
    reference = f"[study] human_error = {human:g}"
    unit = "share of wrong answers"
    return _quadrant(fit - human, validation - fit, HIGH_ERROR, unit, reference)


def _by_loss(evidence: Evidence, standard: Standard) -> Quadrant:
    achievable = standard.achievable
    reference = "a perfect fit" if achievable is None else "the study's best validation loss"
    bias, variance = evidence.level - (achievable or 0.0), max(evidence.gap, 0.0)
    found = _quadrant(bias, variance, HIGH_LOSS, "share of the loss of guessing", reference)
    if achievable is None or found.name != QUADRANTS[False, False]:
        return found
    return _among_its_own(found, answers=evidence.validation_error is not None)


def _quadrant(bias: float, variance: float, high: float, unit: str, reference: str) -> Quadrant:
    corner = bias >= high, variance >= high
    return Quadrant(QUADRANTS[corner], max(bias, 0.0), variance, unit, reference, ANSWERS[corner])


def _among_its_own(found: Quadrant, *, answers: bool) -> Quadrant:
    """What can be said of a trial that is good beside the study's own best, or is that one."""
    apart = "the validation loss is no higher than the training loss"
    if found.variance > 0:
        above = f"{found.variance:.2g} of the loss of guessing above the training loss"
        apart = f"the validation loss is only {above}"
    rest = "a [study] human_error would tell whether more can be had" if answers else UNKNOWN
    return replace(found, data=f"{apart}, and no trial has come much further; {rest}")
