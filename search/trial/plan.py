"""The plan that all trials of a study share: the study file, and the objectives in it."""

from __future__ import annotations

from dataclasses import dataclass

from studyhall.search.study_file import objectives
from studyhall.search.study_file.sections import StudyFile


@dataclass(frozen=True)
class Plan:
    """The objectives of a study and their directions.

    Attributes:
        file: the study file.
    """

    file: StudyFile

    @property
    def objectives(self) -> list[str]:
        """The names of the objectives; trials are ranked by the first."""
        return objectives.of_file(dict(self.file.study))

    @property
    def directions(self) -> list[str]:
        """The direction of each objective: "minimize" or "maximize"."""
        return objectives.directions(dict(self.file.study))

    @property
    def sign(self) -> float:
        """The factor, 1 or -1, between a cost (always minimised) and the first objective."""
        return objectives.sign(self.directions[0])

    def turned(self, cost: float) -> float:
        """Return the first objective's value for a cost, or the other way round."""
        return self.sign * cost
