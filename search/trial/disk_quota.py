"""The size limit of a study's artifacts, and the response to a full disk."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from studyhall.search.study_file import sections
from studyhall.search.study_file.sections import StudySection
from studyhall.storage.artifacts import retention
from studyhall.storage.artifacts.artifact_store import ArtifactStore
from studyhall.storage.artifacts.atomic_files import ArtifactError
from studyhall.storage.database import Database
from studyhall.storage.database.urls import StorageError
from studyhall.storage.studies.rows import Study

LOG = logging.getLogger("studyhall")
GIB = 2**30

T = TypeVar("T")


class Keeper:
    """The guard of a study's artifact folder: deletes what is no longer needed after each save.

    Args:
        db: database of the study.
        study: the study.
        objects: store of its artifacts.
        limits: the table ``[study]`` of the study file.
    """

    def __init__(
        self, db: Database, study: Study, objects: ArtifactStore, limits: StudySection
    ) -> None:
        self._db = db
        self._study = study
        self._objects = objects
        self._limits = limits
        self._complained = False

    def wants(self, value: float, number: int) -> bool:
        """Return whether the model of a trial with this value is among those to keep."""
        models = self._limits.keep_models
        return retention.is_among_best(self._db, self._study, value, number, models)

    def wants_predictions(self, value: float, number: int) -> bool:
        """Return whether its out-of-fold predictions are to be kept.

        More trials count than for models: any trial that is confirmed may become the best.
        """
        return retention.is_among_best(self._db, self._study, value, number, self._predictions)

    @property
    def _predictions(self) -> int:
        return max(self._limits.keep_models, self._limits.confirm_top or sections.CONFIRM_TOP)

    def tidy(self) -> None:
        """Delete artifacts that are no longer needed; errors are logged and ignored."""
        try:
            excess = self._remove(round(self._limits.artifacts_max_gib * GIB))
        except StorageError as error:
            LOG.debug("deleting artifacts: %s", error)
            return
        if excess and not self._complained:
            self._complained = True
            LOG.warning("%s", too_small(self._limits.artifacts_max_gib, excess))

    def saved(self, write: Callable[[], T]) -> T:
        """Call ``write`` and return its result; if it fails, make room and try once more.

        Raises:
            ArtifactError: the second attempt failed as well.
        """
        try:
            return write()
        except ArtifactError:
            try:
                self._remove(0)
            except StorageError as error:
                LOG.debug("making room on disk: %s", error)
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
    """Return the message for a limit that required artifacts exceed by ``excess`` bytes."""
    return (
        f"[study] artifacts_max_gib: received {max_gib:g}, expected "
        f"{max_gib + excess / GIB:.3g} or more: checkpoints of running trials, the best model and "
        "the exported model are always kept"
    )
