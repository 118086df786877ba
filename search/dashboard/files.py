"""The files in the dashboard: the studies' artifacts, and curves and histories made on demand."""

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
from studyhall.storage.artifacts import atomic_files, bucket
from studyhall.storage.artifacts.artifact_store import ArtifactStore
from studyhall.storage.database import Database
from studyhall.storage.queries import records
from studyhall.storage.studies import studies

IDENTIFIER = re.compile(r"[0-9a-fA-F-]{32,36}")  # a UUID, with or without dashes
UPLOADED = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # an upload


class Files:
    """The artifacts of all studies of a database, with Optuna's interface of an artifact store.

    Curves and histories are made from the stored history at each request, so that no worker
    spends time on drawing; everything else is read from the studies' folders.

    Args:
        db: The database with the histories.
        storage: The same database as an Optuna storage.
        stores: Returns the current stores of the studies; uploads go to the first that works.
    """

    def __init__(
        self, db: Database, storage: BaseStorage, stores: Callable[[], Iterable[ArtifactStore]]
    ) -> None:
        self._db = db
        self._storage = storage
        self._stores = stores

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """Return an artifact as a binary file.

        Raises:
            bottle.HTTPError: 404: no folder contains it.
        """
        made = notes.made_on_demand(artifact_id)
        if made is not None:
            return io.BytesIO(self._made(*made))
        found = self._find(artifact_id)
        if found is None:
            raise bottle.HTTPError(404, "This file no longer exists.")
        store, name = found
        return io.BytesIO(store.read(name))

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Store an upload.

        Raises:
            bottle.HTTPError: 400: no store accepts it.
        """
        content, why = content_body.read(), "There is no study whose folder could store the file."
        for store in self._stores():
            try:
                bucket.put(store, artifact_id, content)
                return
            except atomic_files.ArtifactError as error:  # a folder of another machine
                why = str(error)
        raise bottle.HTTPError(400, why)

    def remove(self, artifact_id: str) -> None:
        """Remove an upload; do nothing if it is missing or made on demand.

        Raises:
            bottle.HTTPError: 409: it is a study's own model, which is only deleted with the study.
        """
        found = self._find(artifact_id)
        if found is None:
            return
        store, name = found
        if not UPLOADED.fullmatch(name):
            raise bottle.HTTPError(
                409, "Models can only be deleted with their study: delete the study."
            )
        store.remove(name)

    def _find(self, artifact_id: str) -> tuple[ArtifactStore, str] | None:
        """Return the object whose name contains the identifier, with any suffix, and its store."""
        if not IDENTIFIER.fullmatch(artifact_id):
            return None
        for store in self._stores():
            with contextlib.suppress(atomic_files.ArtifactError):  # a folder of another machine
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
    """Yield the artifact store of each study that studyhall has created, opened for reading."""
    for name in studies.names(db):
        study = studies.find(db, name)
        if study is not None and "artifacts" in study.config:
            yield bucket.looking(study.config["artifacts"])
