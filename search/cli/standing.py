"""The standing of a study, as `studyhall status` tells it to people, programs and Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from studyhall.search.display import json_keys, time_split
from studyhall.search.display.terminal import remark
from studyhall.search.evaluation import pareto
from studyhall.search.retraining import confirm_result
from studyhall.search.retraining.confirm_result import Confirmation
from studyhall.storage.database import Database
from studyhall.storage.queries import status
from studyhall.storage.queries.status import Status
from studyhall.storage.studies.rows import Study


@dataclass(frozen=True)
class Standing:
    """The state of a study.

    Attributes:
        study: the study.
        status: its counts, best trial and workers.
        split: what the time in trials was spent on, in seconds.
        confirmed: its confirmation, if any.
        front: its Pareto front as JSON values, if it was asked for and has several objectives.
    """

    study: Study
    status: Status
    split: dict[str, float]
    confirmed: Confirmation | None
    front: list[dict[str, Any]] | None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        confirmed = None if self.confirmed is None else self.confirmed.to_json()
        return json_keys.of_study(self.study, self.status, self.split, confirmed, self.front)


def read(db: Database, study: Study, *, with_front: bool = True) -> Standing:
    """Return the standing of a study.

    Args:
        db: its database.
        study: the study.
        with_front: read the Pareto front, too.
    """
    state, split = status.status(db, study), time_split.read(db, study)
    front = pareto.read(db, study) if with_front else None
    return Standing(study, state, split, confirm_result.read(db, study), front)


def reap(db: Database, found: Sequence[Study]) -> None:
    """Release the trials of workers that no longer send heartbeats, and say so."""
    from studyhall.search.launcher import dead_workers  # slow to import

    for line in [line for study in found for line in dead_workers.reap(db, study, remark)]:
        remark(line)
