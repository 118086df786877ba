"""The files in the dashboard: the studies' artifacts, and curves and histories made on demand."""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
from typing import BinaryIO

import bottle  # type: ignore[import-untyped]  # what optuna-dashboard answers with
from optuna.storages import BaseStorage

from studyhall.search.dashboard.misplaced import UPLOADED
from studyhall.search.display import curves, notes, plots
from studyhall.search.study_file import objectives
from studyhall.storage.artifacts import atomic_files, bucket
from studyhall.storage.artifacts.artifact_store import ArtifactStore
from studyhall.storage.database import Database
from studyhall.storage.queries import records
from studyhall.storage.studies import rows, studies

IDENTIFIER = re.compile(r"[0-9a-fA-F-]{32,36}")  # a UUID, with or without dashes


class Files:
    """The artifacts of all studies of a database, with Optuna's interface of an artifact store.

    Curves and histories are made from the stored history at each request, so that no worker
    spends time on drawing; everything else is read from the studies' folders.

    Each study's files lie in its own folder: optuna-dashboard passes on no more than a file's
    identifier, so the study is read from the address of the request under way.

    Args:
        db: The database with the histories.
        storage: The same database as an Optuna storage.
    """

    def __init__(self, db: Database, storage: BaseStorage) -> None:
        self._db = db
        self._storage = storage

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """Return an artifact as a binary file.

        Raises:
            bottle.HTTPError: 404: no folder contains it; 409: it is a model that was changed.
        """
        made = notes.made_on_demand(artifact_id)
        if made is not None:
            return io.BytesIO(self._made(*made))
        found = self._find(artifact_id)
        if found is None:
            raise bottle.HTTPError(404, "This file no longer exists.")
        store, name = found
        content = store.read(name)
        if not UPLOADED.fullmatch(name):
            self._check_recorded(name, content)
        return io.BytesIO(content)

    def _check_recorded(self, name: str, content: bytes) -> None:
        """Check that a study's own file is the one that its worker has recorded.

        Raises:
            bottle.HTTPError: 409: it is not.
        """
        if hashlib.sha256(content).hexdigest() != records.model_sha256(self._db, name):
            raise bottle.HTTPError(409, "This model is not the one that was recorded.")

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Store an upload in its study's folder.

        Raises:
            bottle.HTTPError: 400: the study has no folder, or it can't be reached from here.
        """
        store = self._store()
        if store is None:
            raise bottle.HTTPError(400, "This study has no folder for files on this machine.")
        try:
            bucket.put(store, artifact_id, content_body.read())
        except atomic_files.ArtifactError as error:  # a folder of another machine, or a full disk
            raise bottle.HTTPError(400, str(error)) from error

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
        store = self._store()
        if store is None or not IDENTIFIER.fullmatch(artifact_id):
            return None
        with contextlib.suppress(atomic_files.ArtifactError):  # a folder of another machine
            for stored in store.objects():
                if artifact_id in stored.name:
                    return store, stored.name
        return None

    def _store(self) -> ArtifactStore | None:
        """Return the store of the study that the request under way names; None if it has none."""
        study_id = int(bottle.request.url_args["study_id"])
        name = rows.name_of(self._db, study_id)
        study = None if name is None else studies.find(self._db, name)
        if study is None or "artifacts" not in study.config:
            return None
        return bucket.looking(study.config["artifacts"])

    def _made(self, trial_id: int, name: str) -> bytes:
        history = curves.flat(records.history(self._db, trial_id))
        if name == notes.HISTORY:
            return plots.history_csv(history).encode()
        number = self._storage.get_trial(trial_id).number
        study = studies.of_trial(self._db, trial_id)
        value = () if study is None else (objectives.of_study(study.config)[0], study.direction)
        return plots.learning_curve_png(history, f"trial {number}", *value)
