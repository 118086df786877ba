"""The follower of a study: queues its events as notices and sends them to the webhook."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from studyhall.search.notices import events, webhook
from studyhall.search.notices.webhook import Webhook
from studyhall.storage.database import Database
from studyhall.storage.database.urls import StorageError
from studyhall.storage.database.waits import Waits
from studyhall.storage.queries import records, status
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies import notices
from studyhall.storage.studies.rows import Study

POLL_S = 2.0
LAST_S = 30.0  # longest wait at the end for notices still to be sent


class Follower:
    """A follower of one study, which queues notices in the database and delivers them."""

    def __init__(self, db: Database, study: Study, hook: Webhook) -> None:
        self._db, self._study, self._hook = db, study, hook
        self._seen: int | None = None
        self._latest: list[TrialRecord] = []

    def look(self) -> None:
        """Queue a notice for each new event.

        Raises:
            StorageError: the database can't be reached.
            LookupError: the study has been deleted.
        """
        ended, self._seen = records.finished_since(self._db, self._study, self._seen)
        self._latest = [*self._latest, *ended][-100:]
        state = status.status(self._db, self._study)
        for event in events.found(self._study.name, state, self._latest):
            notices.add(self._db, self._study, event.key, event.said)

    def deliver(self) -> None:
        """Send the notices that are due, in order; refused ones are retried later."""
        while (notice := notices.take(self._db, self._study)) is not None:
            delivered = self._hook.send(notice)
            notices.settle(self._db, self._study, notice, delivered=delivered)


@contextlib.contextmanager
def following(db: Database, study: Study) -> Iterator[None]:
    """Follow a study in a thread during a `with` block, if the environment names a webhook.

    Raises:
        ConfigError: the webhook's settings are invalid.
    """
    hook = webhook.chosen()
    if hook is None:
        yield
        return
    ended = threading.Event()
    with contextlib.closing(db.another()) as own:
        own.waits = Waits(ended.is_set, lambda line: None)  # who needs it says so
        thread = threading.Thread(
            target=_follow, args=(Follower(own, study, hook), ended), daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(LAST_S)


def _follow(follower: Follower, ended: threading.Event) -> None:
    last = False
    while not last:
        last = ended.wait(POLL_S)
        with contextlib.suppress(StorageError, LookupError):  # the next look finds the same events
            follower.look()
            follower.deliver()
