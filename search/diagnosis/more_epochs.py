"""Decision whether training a trial longer is worth it, from its history and what ended it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from studyhall.search.diagnosis.evidence import Evidence
from studyhall.search.display import words
from studyhall.storage.queries.records import TrialRecord

if TYPE_CHECKING:
    from studyhall.search.diagnosis.verdict import Verdict

YES, NO, UNKNOWN = "yes", "no", "unknown"
LATE = 0.9  # a best epoch after this share of the epochs suggests that more would help
CLEAR = 2.0  # a rise or fall counts if it is larger than this many times the noise


@dataclass(frozen=True)
class Longer:
    """The answer for one trial.

    Attributes:
        trial: the trial's number.
        answer: "yes", "no" or "unknown".
        why: the reason, in words.
    """

    trial: int
    answer: str
    why: str

    def to_json(self) -> dict[str, Any]:
        """Return the answer as a JSON-serialisable dict."""
        return {
            "trial": self.trial,
            "answer": self.answer,
            "why": self.why,
            "sentence": self.sentence(),
        }

    def sentence(self) -> str:
        """Return question, answer and reason as text."""
        said = {YES: "Yes", NO: "No"}.get(self.answer, "Unclear")
        return f"Is it worth training longer? {said}: {self.why}."


def ask(trial: TrialRecord, verdict: Verdict | None) -> Longer:
    """Decide from a trial's curves whether further epochs would help.

    Source: book chapter 'structuring DL projects and hyperparameter tuning': a validation loss that
    still falls at the end needs more epochs.
    """
    evidence = None if verdict is None else verdict.evidence
    return Longer(trial.number, *answered(evidence, trial.attributes.get("stopped")))


def answered(evidence: Evidence | None, stopped: str | None) -> tuple[str, str]:
    """Return the answer and the reason.

    Args:
        evidence: measures of the trial, or of one of its folds.
        stopped: the reason why training ended: epochs, patience or another one.
    """
    if evidence is None:
        return UNKNOWN, "it has too few epochs with a finite loss"
    best, epochs = evidence.best_epoch, evidence.epochs
    if evidence.rise > CLEAR * evidence.noise and best < LATE * epochs:
        least, last = map(words.number, (evidence.validation_best, evidence.validation_last))
        why = f"after epoch {best} of {epochs} the validation loss rose, from {least} to {last}"
        return NO, why
    if stopped == "patience":
        why = f"early stopping ended it after {epochs} epochs, as it no longer improved"
        return NO, why
    if evidence.fall <= 0:
        return NO, f"in the last quarter of {epochs} epochs the validation loss did not fall"
    fell = f"the validation loss fell by {evidence.fall_share:.0%} of its total decrease"
    if best >= LATE * epochs and evidence.fall > CLEAR * evidence.noise:
        why = f"{fell} in the last quarter of {epochs} epochs, and the best epoch is among the last"
        return YES, why
    if best == epochs:  # it may still be falling, but the curve is too short or noisy to tell
        why = f"its last epoch is its best, but the decrease in the last quarter of {epochs} "
        return UNKNOWN, f"{why}epochs is within the noise"
    why = f"in the last quarter of {epochs} epochs {fell}, within the noise or before the last ones"
    return NO, why
