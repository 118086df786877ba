"""Decision whether training a trial longer is worth it, from its history and what ended it."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

from studyhall.search.diagnosis.conditions import lowest, share
from studyhall.search.diagnosis.evidence import Evidence
from studyhall.search.display import words
from studyhall.spaces import spelling
from studyhall.storage.queries.records import TrialRecord

if TYPE_CHECKING:
    from studyhall.search.diagnosis.verdict import Verdict

YES, NO, UNKNOWN = "yes", "no", "unknown"
LATE = 0.9  # a best epoch after this share of the epochs is among the last
CLEAR = 2.0  # a rise counts if it is larger than this many times the noise
# A "no" takes so many epochs after the best one, and as a share of the best one's own number.
SINCE, SHARE_SINCE = 8, 1.0
RISEN, CALM = 0.05, 0.1  # rise, and the most noise beside it, as shares of the lowest loss
FLAT_SINCE, FLAT_CALM = 2.0, 0.05  # likewise where the loss has not risen
MUCH = 0.5  # a larger gain is too far from the curve to be told in numbers
GAIN = 0.02  # what as many epochs again would bring, as a share of the lowest loss
LITTLE = 0.002  # less is hardly a fall


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
    if evidence.epochs - evidence.best_epoch <= max(1, (1 - LATE) * evidence.epochs):
        return _of_late_best(evidence)
    return _of_early_best(evidence, stopped)


def _of_late_best(evidence: Evidence) -> tuple[str, str]:
    epochs, gain = evidence.epochs, share(evidence.to_come, lowest(evidence))
    late = f"of its {epochs} epochs {_at(evidence)} is the best"
    if evidence.fall <= evidence.noise and evidence.rises > 0:  # few epochs show no noise
        return UNKNOWN, f"{late}, but the decrease in the last quarter is within the noise"
    if gain > GAIN:
        less = f"{gain:.0%}" if gain < MUCH else "half or more"
        return YES, f"{late}, and as many again may lower the validation loss by {less}"
    if gain >= LITTLE:
        return (
            UNKNOWN,
            f"{late}, but as many again may lower the validation loss by {gain:.1%} only",
        )
    return UNKNOWN, f"{late}, but the validation loss hardly falls any more"


def _of_early_best(evidence: Evidence, stopped: str | None) -> tuple[str, str]:
    best, since = evidence.best_epoch, evidence.epochs - evidence.best_epoch
    noise, rise = (share(each, lowest(evidence)) for each in (evidence.noise, evidence.rise))
    needed = max(SINCE, ceil(SHARE_SINCE * best))
    after = f"{spelling.counted(since, 'epoch')} after the best one, {best},"
    if since >= needed and noise < CALM and rise > RISEN + CLEAR * noise:
        least, last = map(words.number, (evidence.validation_best, evidence.validation_last))
        of = f"after epoch {best} of {evidence.epochs}"
        return NO, f"{of} the validation loss rose, from {least} to {last}"
    if since >= max(SINCE, FLAT_SINCE * best) and noise < FLAT_CALM:
        return NO, f"the validation loss no longer fell in the {after} of {evidence.epochs}"
    if noise >= FLAT_CALM:
        varies = f"which varies by {noise:.0%} from epoch to epoch"
        return UNKNOWN, f"a later epoch may have a lower validation loss, {varies}"
    by = "early stopping ended it" if stopped == "patience" else "it ended"
    enough = needed if since < needed else max(SINCE, ceil(FLAT_SINCE * best))
    return UNKNOWN, f"{by} {after} which is too early to tell; {enough} would be enough"


def _at(evidence: Evidence) -> str:
    return "the last" if evidence.best_epoch == evidence.epochs else str(evidence.best_epoch)
