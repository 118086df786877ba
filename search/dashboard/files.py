"""The files that the dashboard shows: those of the studies, and what is drawn on demand."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

import bottle  # type: ignore[import-untyped]  # what optuna-dashboard answers with
from optuna.storages import BaseStorage

from studyhall.search.display import curves, notes, plots
from studyhall.search.study_file import objectives
from studyhall.storage.artifacts import artifact_store, bucket
from studyhall.storage.artifacts.artifact_store import ArtifactStore
from studyhall.storage.database import Database
from studyhall.storage.queries import records
from studyhall.storage.studies import studies

IDENTIFIER = re.compile(r"[0-9a-fA-F-]{32,36}")  # a UUID, with or without dashes
UPLOADED = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # as the dashboard names it


class Files:
    """All artifacts of a database's studies, as the dashboard asks for them.

    Curves and histories are made from the stored history at each request, so that no worker
    spends time on drawing; everything else is read from the studies' folders.

    Args:
        db: Where the histories are.
        storage: The same, as the dashboard reads it.
        stores: Gives the studies' stores as they are now; what is uploaded goes to the first.
    """

    def __init__(
        self, db: Database, storage: BaseStorage, stores: Callable[[], Iterable[ArtifactStore]]
    ) -> None:
        self._db = db
        self._storage = storage
        self._stores = stores

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """The bytes of an artifact.

        Raises:
            bottle.HTTPError: 404, where no folder has it any more.
        """
        made = notes.made_on_demand(artifact_id)
        if made is not None:
            return io.BytesIO(self._made(*made))
        found = self._find(artifact_id)
        if found is None:
            raise bottle.HTTPError(404, "This file has been removed.")
        store, name = found
        return io.BytesIO(store.read(name))

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Keep what somebody uploads.

        Raises:
            bottle.HTTPError: 400, where it can't be kept.
        """
        content, why = content_body.read(), "There is no study whose folder could keep it."
        for store in self._stores():
            try:
                bucket.put(store, artifact_id, content)
                return
            except artifact_store.ArtifactError as error:  # a folder of another machine
                why = str(error)
        raise bottle.HTTPError(400, why)

    def remove(self, artifact_id: str) -> None:
        """Remove what somebody has uploaded; what is gone or made on demand is no trouble.

        Raises:
            bottle.HTTPError: 409, for what a study stands on: it goes with its study alone.
        """
        found = self._find(artifact_id)
        if found is None:
            return
        store, name = found
        if not UPLOADED.fullmatch(name):
            raise bottle.HTTPError(409, "Models stay with their study: delete the study.")
        store.remove(name)

    def _find(self, artifact_id: str) -> tuple[ArtifactStore, str] | None:
        """The object whose name holds that identifier, whatever its suffix."""
        if not IDENTIFIER.fullmatch(artifact_id):
            return None
        for store in self._stores():
            with contextlib.suppress(artifact_store.ArtifactError):  # a folder of another machine
                for stored in store.objects():
                    if artifact_id in stored.name:
                        return store, stored.name
        return None

    def _made(self, trial_id: int, name: str) -> bytes:
        history = curves.flat(records.history(self._db, trial_id))
        if name == notes.HISTORY:
            return plots.history_csv(history).encode()
        number = self._storage.get_trial(trial_id).number
        study = studies.of_trial(self._db, trial_id)
        value = () if study is None else (objectives.of_study(study.config)[0], study.direction)
        return plots.learning_curve_png(history, f"trial {number}", *value)


def stores(db: Database) -> Iterator[ArtifactStore]:
    """The objects of all studies that studyhall has created, for looking only."""
    for name in studies.names(db):
        study = studies.find(db, name)
        if study is not None and "artifacts" in study.config:
            yield bucket.looking(study.config["artifacts"])
