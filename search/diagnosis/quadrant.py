"""Bias and variance of a trial, and the advice whether to collect more data or to tune.

Sources: the blog 'tuning methods' for the quadrants; the book chapter for the advice, with its
example: errors of 1 % and 10 % on training and validation set mean variance, 14 % and 15 % bias.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from studyhall.search.diagnosis.conditions import Standard
from studyhall.search.diagnosis.evidence import Evidence

HIGH_ERROR = 0.05  # error rate from which bias or variance is high
HIGH_LOSS = 0.1  # the same in units of the loss of guessing, if error rates are not used

QUADRANTS = {
    (False, False): "good",
    (False, True): "too complex",
    (True, False): "too simple",
    (True, True): "the wrong model",
}
ANSWERS = {
    (False, False): "neither is urgent: both errors are close to what is achievable",
    (False, True): "collect more data or regularise: it does well only on the training set",
    (True, False): "tune, don't collect more data: it already does poorly on the training set",
    (True, True): "tune first: it does poorly on the training set, and worse on the validation set",
}
UNKNOWN = "these curves can't tell whether a better result is possible"


@dataclass(frozen=True)
class Quadrant:
    """The bias and variance of a trial.

    Attributes:
        name: good, too complex, too simple, or the wrong model.
        bias: distance of its fit from what is achievable.
        variance: difference between validation and training set.
        unit: unit of bias and variance, in words.
        reference: the achievable value from which bias is measured, in words.
        data: advice whether to collect more data or to tune.
    """

    name: str
    bias: float
    variance: float
    unit: str
    reference: str
    data: str

    @property
    def is_biased(self) -> bool:
        """True if it does poorly on the training set."""
        return self.name in (QUADRANTS[True, False], QUADRANTS[True, True])

    def to_json(self) -> dict[str, Any]:
        """Return all attributes by name, bias and variance rounded to three digits."""
        rounded = {"bias": float(f"{self.bias:.3g}"), "variance": float(f"{self.variance:.3g}")}
        return {**vars(self), **rounded}


HUMAN_ERROR = "[study] human_error"


def place(
    evidence: Evidence, standard: Standard, human_error: str = HUMAN_ERROR
) -> Quadrant | None:
    """Compute bias and variance from error rates if `human_error` is known, else from losses.

    Args:
        evidence: measures of the trial's curves.
        standard: what is known of its study.
        human_error: where the user writes the error rate of humans.

    Returns:
        None if the losses don't allow it: the loss of guessing is unknown, or the training loss is
        measured differently from the validation loss.
    """
    if standard.human_error is not None and evidence.validation_error is not None:
        return _by_error(evidence, standard, human_error)
    if evidence.guess_loss is None or math.isnan(evidence.gap):
        return None
    return _by_loss(evidence, standard, human_error)


def _by_error(evidence: Evidence, standard: Standard, human_error: str) -> Quadrant:
    validation = evidence.validation_error or 0.0
    train = validation if evidence.train_error is None else evidence.train_error
    # Dropout and augmentation raise the training error above the true error on the training set.
    fit, human = min(train, validation), standard.human_error or 0.0
    reference = f"{human_error} = {human:g}"
    unit = "share of wrong answers"
    return _quadrant(fit - human, validation - fit, HIGH_ERROR, unit, reference)


def _by_loss(evidence: Evidence, standard: Standard, human_error: str) -> Quadrant:
    achievable = standard.achievable
    reference = "a perfect fit" if achievable is None else "the study's best validation loss"
    bias, variance = evidence.level - (achievable or 0.0), max(evidence.gap, 0.0)
    found = _quadrant(bias, variance, HIGH_LOSS, "share of the loss of guessing", reference)
    if achievable is None or found.name != QUADRANTS[False, False]:
        return found
    said = f"set {human_error} to see if a better result is possible"
    return _among_its_own(found, said if evidence.validation_error is not None else UNKNOWN)


def _quadrant(bias: float, variance: float, high: float, unit: str, reference: str) -> Quadrant:
    corner = bias >= high, variance >= high
    return Quadrant(QUADRANTS[corner], max(bias, 0.0), variance, unit, reference, ANSWERS[corner])


def _among_its_own(found: Quadrant, rest: str) -> Quadrant:
    """Replace the advice for a trial that is close to the study's best trial, or is that trial."""
    apart = "the validation loss is no higher than the training loss"
    if found.variance > 0:
        above = f"{100 * found.variance:.2g} % of the loss of guessing"
        apart = f"the validation loss is above the training loss by only {above}"
    return replace(found, data=f"{apart}, and no trial is much better; {rest}")
