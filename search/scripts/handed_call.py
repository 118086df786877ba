"""A search that a program hands to its workers as it stands, for its function may have no file.

The workers of a launch by a command run the script up to its search instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from studyhall.search import worker
from studyhall.search.process import offer
from studyhall.search.process.stop import Stop
from studyhall.search.scripts import script_worker
from studyhall.search.scripts.call import Call
from studyhall.storage.database import Database
from studyhall.storage.studies.rows import Study

PREFIX = "call:"  # of what is offered; a study's name follows


@contextmanager
def offered(call: Call) -> Iterator[None]:
    """Hand a search to every process that is started in a `with` block.

    Raises:
        ConfigError: its function or its arguments can't be pickled.
    """
    with offer.offered(PREFIX + call.study, call, call.study):
        yield


def received(study: Study) -> Call | None:
    """Return the search that this process was handed for a study; None if there is none."""
    call: Call | None = offer.received(PREFIX + study.name)
    return call


def work(db: Database, url: str, study: Study, call: Call, stop: Stop) -> None:
    """Run trials of a search that was handed to this worker until nothing is left to do.

    Args:
        db: database of the study.
        url: its URL.
        study: the study.
        call: the search.
        stop: listens for requests to stop.

    Raises:
        ConfigError: the first trials all failed.
        StopNow: the user asked twice to stop.
    """
    worker.begin(db, study)
    with suppress(script_worker.Done):
        script_worker.WorkerPart(db, url, study, stop).search(call, None)
