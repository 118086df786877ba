"""What a trial's curves say, how surely, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from studyhall.search.diagnosis.evidence import Evidence
from studyhall.search.diagnosis.quadrant import Quadrant


@dataclass(frozen=True)
class Verdict:
    """What a trial's curves say, and what to do about it.

    Attributes:
        name: one of `diagnosis.VERDICTS`.
        confidence: from 0 to 1.
        shows: what the curves show, in words.
        evidence: in numbers; None where there is no epoch with a finite loss.
        quadrant: bias and variance, where there is evidence.
        advice: what to change, a sentence each.
    """

    name: str
    confidence: float
    shows: str
    evidence: Evidence | None
    quadrant: Quadrant | None
    advice: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "name": self.name,
            "confidence": self.confidence,
            "shows": self.shows,
            "evidence": None if self.evidence is None else self.evidence.to_json(),
            "quadrant": None if self.quadrant is None else self.quadrant.to_json(),
            "advice": list(self.advice),
        }

    def sentence(self) -> str:
        """In words: ``overfitting (gap), 0.92 sure: the training loss leaves …``."""
        return f"{self.name}, confidence {self.confidence:g}: {self.shows}"
