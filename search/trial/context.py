"""The state shared by all trials of a worker, and the possible outcomes of a trial."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import Enum

from studyhall.search.process import identity
from studyhall.search.process.stop import Stop
from studyhall.search.study.record import Stored
from studyhall.search.trial.blueprints import Blueprint
from studyhall.search.trial.disk_quota import Keeper
from studyhall.search.trial.plan import Plan
from studyhall.storage.artifacts.artifact_store import ArtifactStore
from studyhall.storage.database import Database
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials.trial_store import TrialStore

LOG = logging.getLogger("studyhall")


class TrialFailed(Exception):  # noqa: N818  not an error of the program
    """An error that leaves this trial without a value; the search continues without it."""


class Outcome(Enum):
    """The outcome of a trial for the worker that ran it."""

    COMPLETE = "complete"
    PRUNED = "pruned"
    FAILED = "failed"
    HANDED_BACK = "handed back"
    LOST = "lost"


@dataclass(frozen=True)
class Context:
    """The state shared by all trials of a worker.

    Attributes:
        db: database of the study.
        study: the study.
        stored: the study as recorded at its launch.
        plan: what the trials have in common.
        store: claims trials and records their results.
        artifacts: store of checkpoints and models.
        keeper: keeps the artifacts within the study's size limit.
        stop: tells whether the worker was asked to stop.
    """

    db: Database
    study: Study
    stored: Stored
    plan: Plan
    store: TrialStore
    artifacts: ArtifactStore
    keeper: Keeper
    stop: Stop

    @property
    def worker(self) -> str:
        """The name of this process."""
        return identity.this_process().name

    def owner(self, number: int) -> str:
        """Return the prefix of the names of a trial's objects."""
        return "-".join(filter(None, (self.study.name, self.study.purpose, str(number))))


@dataclass(frozen=True)
class SearchContext(Context):
    """The state shared by trials that train what a study file describes.

    Attributes:
        plan: blueprint of the models.
    """

    plan: Blueprint
