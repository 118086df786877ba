"""The observation of a running study, for its launcher and for `watch` in any terminal."""

from __future__ import annotations

import time
from contextlib import suppress

from studyhall.search.display.frame import Plan
from studyhall.search.display.live import Drawing, View
from studyhall.search.process import disk
from studyhall.search.process.patience import TooLong, at_most
from studyhall.search.study import record
from studyhall.storage.database import Database
from studyhall.storage.database.urls import StorageAway
from studyhall.storage.queries import curves, records, status
from studyhall.storage.queries.curves import Curves
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.queries.status import Status
from studyhall.storage.studies.rows import Study

POLL_S = 0.5
LATEST_EPOCHS = 500  # of a running trial, which are drawn
BACKENDS = {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}
ANSWER_S = 5.0  # a server that was stopped by a signal, or whose disk hangs, may never answer


class Watched:
    """An observer that reads a study's status and shows it.

    Workers keep training while the database can't be reached. So the launcher must not wait for
    it either: it has to pass signals on and replace dead workers.
    """

    def __init__(self, db: Database, study: Study, view: View) -> None:
        self._db, self._study, self._view = db, study, view
        _, self._seen = records.finished_since(db, study, None)
        self._away = self._told_of_the_disk = False
        self._plan = plan(study)
        self.over = False  # the budget is spent, and nobody holds a trial

    def look(self) -> list[TrialRecord]:
        """Show the current status; return the trials that have ended since the last call."""
        try:
            state, ended = self._read()
        except StorageAway as error:
            self._say(away=True, line=f"{error}; the workers continue training")
            return []
        self._say(away=False, line="the database is back")
        self._look_at_the_disk()
        self.over = state.spent and not state.held
        self._draw(state)
        self._view.update(state, ended)
        return ended

    def _read(self) -> tuple[Status, list[TrialRecord]]:
        """Return the current status, and the trials that have ended since the last call.

        Raises:
            StorageAway: the database can't be reached, or doesn't answer.
        """
        try:
            with at_most(ANSWER_S):
                state = self._db.snapshot(
                    lambda transaction: status.read(transaction, self._study.study_id),
                    patience_s=0.0,
                )
                ended, self._seen = records.finished_since(
                    self._db, self._study, self._seen, patience_s=0.0
                )
        except TooLong:
            raise StorageAway(f"{self._db}: no answer within {ANSWER_S:.0f} s") from None
        return state, ended

    def _draw(self, state: Status) -> None:
        """Give the curves of the running trials to a view that draws them."""
        if not isinstance(self._view, Drawing):
            return
        found: Curves = {}
        if state.running:
            with suppress(StorageAway, TooLong), at_most(ANSWER_S):
                found = self._db.snapshot(
                    lambda transaction: curves.running(
                        transaction, self._study.study_id, epochs=LATEST_EPOCHS
                    ),
                    patience_s=0.0,
                )
        self._view.draw(self._plan, found)

    def _look_at_the_disk(self) -> None:
        """Warn once if there is little disk space for checkpoints and models."""
        line = "" if self._told_of_the_disk else disk.shortage(record.local_folder(self._study))
        if line:
            self._told_of_the_disk = True
            self._view.say(line)

    def _say(self, *, away: bool, line: str) -> None:
        if away != self._away:
            self._away = away
            self._view.say(line)


def plan(study: Study) -> Plan:
    """Return what a study does with each trial, from its record."""
    told = study.config.get("file", {})
    training, data = told.get("training", {}), told.get("data", {})
    trainings = int(training.get("repeats") or 1) * int(data.get("folds") or 1)
    backend = BACKENDS.get(training.get("backend", ""), "the workers")
    return Plan(int(training.get("epochs") or 1) * trainings, backend)


def watch(db: Database, study: Study, view: View) -> bool:
    """Show a study until its budget is spent and its workers have stopped.

    Returns:
        False if the study was deleted meanwhile, else True.
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
