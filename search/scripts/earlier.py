"""The study that an earlier run of a script has searched, for one that asks for its results."""

from __future__ import annotations

import os
from contextlib import closing

from studyhall.search.process.wire import LAUNCHED
from studyhall.search.scripts import script, session
from studyhall.search.scripts.alone import Alone
from studyhall.search.scripts.session import Searched
from studyhall.search.study_file import study_names
from studyhall.storage.database import Database
from studyhall.storage.database.urls import StorageError
from studyhall.storage.queries import status
from studyhall.storage.studies import studies


def find(name: str) -> Searched | None:
    """Return the study of a script; None if there is none, or if this process is to work on it.

    Args:
        name: the study's name, as the script writes it.
    """
    url = (session.part() or Alone()).database(None)
    try:
        db = Database.open(url, create=False)
    except StorageError:  # which a search tells, if it is more than a database to be created
        return None
    with closing(db):
        study = studies.find(db, study_names.legal(name))
        if study is None or script.recorded(study) is None:
            return None
        if LAUNCHED in os.environ and not status.status(db, study).spent:
            return None  # each worker comes to the search with what the first one has seen
    return Searched(url, study)
