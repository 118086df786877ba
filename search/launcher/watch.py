"""A study as its launcher sees it go on, and as it is followed from any terminal."""

from __future__ import annotations

import time

from studyhall.search.display.live import View
from studyhall.search.process import disk
from studyhall.search.study import record
from studyhall.storage.database import Database
from studyhall.storage.database.urls import StorageAway
from studyhall.storage.queries import records, status
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies.rows import Study

POLL_S = 0.5


class Watched:
    """Reads how the study stands and shows it.

    The workers train on without their database, so the launcher must not wait for it: signals
    are to be passed on, and the dead to be replaced.
    """

    def __init__(self, db: Database, study: Study, view: View) -> None:
        self._db, self._study, self._view = db, study, view
        _, self._seen = records.finished_since(db, study, None)
        self._away = self._told_of_the_disk = False

    def look(self) -> list[TrialRecord]:
        """Show how it stands; the trials that have ended since the last time."""
        try:
            state = self._db.snapshot(
                lambda transaction: status.read(transaction, self._study.study_id), patience_s=0.0
            )
        except StorageAway as error:
            self._say(away=True, line=f"{error}; the workers train on")
            return []
        self._say(away=False, line="the database is back")
        self._look_at_the_disk()
        ended, self._seen = records.finished_since(self._db, self._study, self._seen)
        self._view.update(state, ended)
        return ended

    def _look_at_the_disk(self) -> None:
        """Say once that there is little room for checkpoints and models."""
        line = "" if self._told_of_the_disk else disk.shortage(record.local_folder(self._study))
        if line:
            self._told_of_the_disk = True
            self._view.say(line)

    def _say(self, *, away: bool, line: str) -> None:
        if away != self._away:
            self._away = away
            self._view.say(line)


def watch(db: Database, study: Study, view: View) -> bool:
    """Show a study until its budget is spent and its workers have left.

    Returns:
        Whether it was there to the end; False if somebody has deleted it.
    """
    watched = Watched(db, study, view)
    with view:
        try:
            while not _has_ended(status.status(db, study)):
                watched.look()
                time.sleep(POLL_S)
            watched.look()
        except LookupError:
            return False
    return True


def _has_ended(state: status.Status) -> bool:
    return not state.running and state.spent
