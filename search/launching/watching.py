"""A study followed from any terminal, with what its launcher shows."""

from __future__ import annotations

import time

from search.launching.watched import Watched
from search.report import show
from search.report.live import View
from storage import status
from storage.database import Database
from storage.study import Study

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
    return not state.running and show.spent(state)
