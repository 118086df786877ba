"""A study followed from any terminal, with what its launcher shows."""

from __future__ import annotations

import time

from studyhall.search.display.live import View
from studyhall.search.launcher.watched import Watched
from studyhall.storage.database import Database
from studyhall.storage.queries import status
from studyhall.storage.studies.rows import Study

POLL_S = 0.5


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
