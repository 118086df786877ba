"""Is it worth training longer? From the stored history of a trial and what ended it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from studyhall.search.diagnosis.evidence import Evidence
from studyhall.search.display import words
from studyhall.storage.queries.records import TrialRecord

if TYPE_CHECKING:
    from studyhall.search.diagnosis.verdict import Verdict

YES, NO, UNKNOWN = "yes", "no", "unknown"
LATE = 0.9  # of the epochs: a best one from here on may have others behind it
CLEAR = 2.0  # times the noise that a fall must be to count


@dataclass(frozen=True)
class Longer:
    """The answer for one trial.

    Attributes:
        answer: "yes", "no" or "unknown".
        why: in words.
    """

    trial: int
    answer: str
    why: str

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "trial": self.trial,
            "answer": self.answer,
            "why": self.why,
            "sentence": self.sentence(),
        }

    def sentence(self) -> str:
        """For people."""
        said = {YES: "Yes", NO: "No"}.get(self.answer, "It can't be told")
        return f"Is it worth training longer? {said}: {self.why}."


def ask(trial: TrialRecord, verdict: Verdict | None) -> Longer:
    """Read a trial's curves for what further epochs would bring.

    Source: book chapter 'structuring DL projects and hyperparameter tuning': a validation loss that
    falls at the end asks for more epochs.
    """
    evidence = None if verdict is None else verdict.evidence
    return Longer(trial.number, *answered(evidence, trial.attributes.get("stopped")))


def answered(evidence: Evidence | None, stopped: str | None) -> tuple[str, str]:
    """The answer, and why.

    Args:
        evidence: of the trial, or of one of its folds.
        stopped: what ended its training: epochs, patience or others.
    """
    if evidence is None:
        return UNKNOWN, "it has too few epochs with a finite loss"
    best, epochs = evidence.best_epoch, evidence.epochs
    if evidence.rise > CLEAR * evidence.noise and best < LATE * epochs:
        least, last = map(words.number, (evidence.validation_best, evidence.validation_last))
        why = f"after epoch {best} of {epochs} the validation loss rose, from {least} to {last}"
        return NO, why
    if stopped == "patience":
        why = f"it stopped by itself after {epochs} epochs, as it no longer improved"
        return NO, why
    if evidence.fall <= 0:
        return NO, f"in the last quarter of {epochs} epochs the validation loss did not fall"
    fell = f"the validation loss fell by {evidence.fall_share:.0%} of its whole fall"
    if best >= LATE * epochs and evidence.fall > CLEAR * evidence.noise:
        why = f"{fell} in the last quarter of {epochs} epochs, and its last ones are its best"
        return YES, why
    if best == epochs:  # it may go on falling, however short or rough the curve is
        why = f"its last epoch is its best, and what it fell by in the last quarter of {epochs} "
        return UNKNOWN, f"{why}epochs is within the noise"
    why = f"in the last quarter of {epochs} epochs {fell}, which is within the noise or before it"
    return NO, why
