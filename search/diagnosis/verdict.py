"""The verdict on a trial's learning curves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from studyhall.search.diagnosis.evidence import Evidence
from studyhall.search.diagnosis.quadrant import Quadrant


@dataclass(frozen=True)
class Verdict:
    """The verdict on a trial's learning curves, with the advice.

    Attributes:
        name: one of `diagnosis.rules.VERDICTS`.
        confidence: from 0 to 1.
        shows: the description of the curves.
        evidence: the measures of the curves; None if no epoch has a finite loss.
        quadrant: bias and variance, if they are known.
        advice: sentences that say what to change.
    """

    name: str
    confidence: float
    shows: str
    evidence: Evidence | None
    quadrant: Quadrant | None
    advice: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as a JSON-serialisable dict."""
        return {
            "name": self.name,
            "confidence": self.confidence,
            "shows": self.shows,
            "evidence": None if self.evidence is None else self.evidence.to_json(),
            "quadrant": None if self.quadrant is None else self.quadrant.to_json(),
            "advice": list(self.advice),
        }

    def sentence(self) -> str:
        """Return the text: ``overfitting (gap), confidence 0.92: the training loss is far …``."""
        return f"{self.name}, confidence {self.confidence:g}: {self.shows}"
