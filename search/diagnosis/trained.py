"""A trial as its judge sees it: its hyperparameters, its attributes, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from studyhall.search.diagnosis import rules
from studyhall.search.diagnosis.evidence import Evidence
from studyhall.search.diagnosis.rules import Judgement

TRAINING_LOSS = "training_loss"  # attribute: how it is measured, if not like the validation loss
SO_FAR = ", so far"
STILL_FALLING = "it ended while the validation loss was still falling"
EARLY = "early stopping ended it, though the trend of the validation loss still falls"


@dataclass(frozen=True)
class Trained:
    """The hyperparameters and recorded attributes of a trial; the names asked of its sampler."""

    values: Mapping[str, Any]
    attributes: Mapping[str, Any]
    asked: frozenset[str] = frozenset()
    state: str = "COMPLETE"

    @property
    def unfinished(self) -> bool:
        """True if it might have improved, had it gone on."""
        return self.state in ("PRUNED", "RUNNING")

    @property
    def ended(self) -> str:
        """The cause of its end: pruned, patience, time or another one; epochs if none is known."""
        return "pruned" if self.state == "PRUNED" else self.attributes.get("stopped") or "epochs"

    @property
    def unlike(self) -> str:
        """The reason why training and validation loss aren't comparable; "" if they are."""
        found = self.attributes.get(TRAINING_LOSS)
        said = "and the validation loss is not, so the gap between them is not judged"
        return f"; the training loss is {found}, {said}" if found else ""


def as_it_ended(judgement: Judgement, evidence: Evidence, trained: Trained) -> Judgement:
    """Adjust the verdict on a trial that something else than its last epoch has ended."""
    if trained.unfinished:
        return _as_far_as_it_came(judgement, evidence)
    if judgement.shows == rules.STILL_FALLS and trained.ended == "patience":
        return replace(judgement, shows=EARLY)
    return judgement


def _as_far_as_it_came(judgement: Judgement, evidence: Evidence) -> Judgement:
    """Adjust the verdict on an unfinished trial, which might still have improved."""
    falls = evidence.fall > 2 * evidence.noise and evidence.rise == 0
    if judgement.verdict == rules.UNDERFIT and falls:
        return Judgement(rules.CUT_SHORT, judgement.degree, judgement.confidence / 2, STILL_FALLING)
    if judgement.shows == rules.STILL_FALLS:
        return replace(judgement, shows=STILL_FALLING)
    if judgement.verdict == rules.GOOD:
        return replace(judgement, shows=f"{judgement.shows}{SO_FAR}")
    return judgement
