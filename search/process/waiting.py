"""Waits of a worker whose database takes no transactions: they are said, and can be stopped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from studyhall.search.process import wire
from studyhall.search.process.stop import Stop
from studyhall.storage.database import Database
from studyhall.storage.database.urls import StorageAway
from studyhall.storage.database.waits import Waits


def stoppable(db: Database, stop: Stop) -> None:
    """Let the waits for a worker's database end soon after a stop request, and be said.

    Call it before the database is given to a `TrialStore`, whose heartbeat then does likewise.
    """
    db.waits = Waits(lambda: stop.asked, _tell, lasting=True)


@contextmanager
def leaving(stop: Stop) -> Iterator[None]:
    """Let a worker that was asked to stop leave in a `with` block although its database is away.

    Raises:
        StorageAway: the worker was not asked to stop.
    """
    try:
        yield
    except StorageAway as error:
        if not stop.asked:
            raise
        print(f"{error}; what was running goes on from its last checkpoint", flush=True)


def _tell(line: str) -> None:
    print(line or "the database takes transactions again", flush=True)
    wire.tell_launcher(waiting=line)
