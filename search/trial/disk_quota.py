"""What a worker keeps on disk: within the study's limit, and what it does when the disk is full."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from studyhall.search.study_file import sections
from studyhall.search.study_file.sections import StudySection
from studyhall.storage.artifacts import retention
from studyhall.storage.artifacts.artifact_store import ArtifactError, ArtifactStore
from studyhall.storage.database import Database
from studyhall.storage.database.urls import StorageError
from studyhall.storage.studies.rows import Study

LOG = logging.getLogger("studyhall")
GIB = 2**30

T = TypeVar("T")


class Keeper:
    """Tidies a study's folder after every save; says once where it can't keep the limit."""

    def __init__(
        self, db: Database, study: Study, objects: ArtifactStore, limits: StudySection
    ) -> None:
        self._db = db
        self._study = study
        self._objects = objects
        self._limits = limits
        self._complained = False

    def wants(self, value: float, number: int) -> bool:
        """Whether the model of a trial that ends with this value is one to keep."""
        models = self._limits.keep_models
        return retention.is_among_best(self._db, self._study, value, number, models)

    def wants_predictions(self, value: float, number: int) -> bool:
        """Whether its out-of-fold predictions are: any trial that is confirmed may win."""
        return retention.is_among_best(self._db, self._study, value, number, self._predictions)

    @property
    def _predictions(self) -> int:
        return max(self._limits.keep_models, self._limits.confirm_top or sections.CONFIRM_TOP)

    def tidy(self) -> None:
        """Remove what the study needs no more; whatever prevents it costs no trial."""
        try:
            excess = self._remove(round(self._limits.artifacts_max_gib * GIB))
        except StorageError as error:
            LOG.debug("tidying: %s", error)
            return
        if excess and not self._complained:
            self._complained = True
            LOG.warning("%s", too_small(self._limits.artifacts_max_gib, excess))

    def saved(self, write: Callable[[], T]) -> T:
        """What ``write`` gives; where it fails, it is tried again without models that can go.

        Raises:
            ArtifactError: the disk is still full.
        """
        try:
            return write()
        except ArtifactError:
            try:
                self._remove(0)
            except StorageError as error:
                LOG.debug("making room: %s", error)
            return write()

    def _remove(self, max_bytes: int) -> int:
        return retention.tidy(
            self._db,
            self._study,
            self._objects,
            keep_models=self._limits.keep_models,
            keep_predictions=self._predictions,
            max_bytes=max_bytes,
        )


def too_small(max_gib: float, excess: int) -> str:
    """The complaint about a limit that what must stay exceeds by so many bytes."""
    return (
        f"[study] artifacts_max_gib: received {max_gib:g}, expected "
        f"{max_gib + excess / GIB:.3g} or more: the checkpoints of the trials under way, the best "
        "model and the exported one stay"
    )
