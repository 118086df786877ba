"""The files that the dashboard shows: those of the studies, and what is drawn on demand."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

import bottle  # type: ignore[import-untyped]  # what optuna-dashboard answers with
from optuna.storages import BaseStorage

from search.report import curves, notes, plots
from storage import artifacts, records, studies
from storage.database import Database

IDENTIFIER = re.compile(r"[0-9a-fA-F-]{32,36}")  # a UUID, with or without dashes
UPLOADED = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # as the dashboard names it


class Files:
    """All artifacts of a database's studies, as the dashboard asks for them.

    Curves and histories are made from the stored history at each request, so that no worker
    spends time on drawing; everything else is read from the studies' folders.

    Args:
        db: Where the histories are.
        storage: The same, as the dashboard reads it.
        folders: Gives the folders as they are now; what is uploaded goes to the first.
    """

    def __init__(
        self, db: Database, storage: BaseStorage, folders: Callable[[], Iterable[Path]]
    ) -> None:
        self._db = db
        self._storage = storage
        self._folders = folders

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """The bytes of an artifact.

        Raises:
            bottle.HTTPError: 404, where no folder has it any more.
        """
        made = notes.made_on_demand(artifact_id)
        if made is not None:
            return io.BytesIO(self._made(*made))
        path = self._find(artifact_id)
        if path is None:
            raise bottle.HTTPError(404, "This file has been removed.")
        return path.open("rb")

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Keep what somebody uploads."""
        folder = next((each for each in self._folders() if each.is_dir()), None)
        if folder is None:
            raise bottle.HTTPError(400, "There is no folder to keep files in.")
        artifacts.write_whole(folder / artifact_id, content_body.read())

    def remove(self, artifact_id: str) -> None:
        """Remove what somebody has uploaded; what is gone or made on demand is no trouble.

        Raises:
            bottle.HTTPError: 409, for what a study stands on: it goes with its study alone.
        """
        path = self._find(artifact_id)
        if path is not None and not UPLOADED.fullmatch(path.name):
            raise bottle.HTTPError(409, "Models stay with their study: delete the study.")
        if path is not None:
            path.unlink(missing_ok=True)

    def _find(self, artifact_id: str) -> Path | None:
        """The object whose name ends in that identifier, whatever its suffix."""
        if not IDENTIFIER.fullmatch(artifact_id):
            return None
        found = (folder.glob(f"*{artifact_id}*") for folder in self._folders())
        return next(itertools.chain.from_iterable(found), None)

    def _made(self, trial_id: int, name: str) -> bytes:
        history = curves.flat(records.history(self._db, trial_id))
        if name == notes.HISTORY:
            return plots.history_csv(history).encode()
        number = self._storage.get_trial(trial_id).number
        return plots.learning_curve_png(history, f"trial {number}")


def folders(db: Database) -> list[Path]:
    """The folders of all studies that studyhall has created, for looking only."""
    found = (studies.find(db, name) for name in studies.names(db))
    return [Path(study.config["artifacts"]) for study in found if study and study.config]
