"""What all trials of a worker share, and what may become of one."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import Enum

from studyhall.search.process import identity
from studyhall.search.process.stop import Stop
from studyhall.search.study.record import Stored
from studyhall.search.trial.disk_quota import Keeper
from studyhall.search.trial.modelling import Blueprint
from studyhall.storage.artifacts.artifact_store import ArtifactStore
from studyhall.storage.database import Database
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials.trial_store import TrialStore

LOG = logging.getLogger("studyhall")


class TrialFailed(Exception):  # noqa: N818  not an error of the program
    """This trial can't have a value; the message says why. The search goes on without it."""


class Outcome(Enum):
    """What became of a trial in this worker's hands."""

    COMPLETE = "complete"
    PRUNED = "pruned"
    FAILED = "failed"
    HANDED_BACK = "handed back"
    LOST = "lost"


@dataclass(frozen=True)
class Context:
    """What all trials of a worker share."""

    db: Database
    study: Study
    stored: Stored
    plan: Blueprint
    store: TrialStore
    artifacts: ArtifactStore
    keeper: Keeper
    stop: Stop

    @property
    def worker(self) -> str:
        """This process' name."""
        return identity.this_process().name

    def owner(self, number: int) -> str:
        """Names the objects of a trial."""
        return "-".join(filter(None, (self.study.name, self.study.purpose, str(number))))
