"""Workers are seen while they live, also those without a trial."""

import time

from studyhall.storage.database import Database
from studyhall.storage.leases import workers
from studyhall.storage.leases.workers import Worker
from studyhall.storage.queries import status
from studyhall.storage.studies import studies
from studyhall.storage.trials import control
from tests.plain_store import plain_store


def test_workers_are_seen_while_they_live_and_leave_when_they_end(db: Database) -> None:
    study, _ = studies.create(db, "busy", config={}, seed=0, trials=1)
    store = plain_store(db, study, Worker("idle", "host", 7, "cpu"))
    until = time.monotonic() + 10
    while not (seen := status.status(db, study).workers):
        assert time.monotonic() < until
        time.sleep(0.02)
    assert [(one.name, one.host, one.pid, one.device) for one in seen] == [
        ("idle", "host", 7, "cpu")
    ]
    store.close()
    assert status.status(db, study).workers == []


def test_a_worker_that_was_killed_is_seen_for_a_day(db: Database) -> None:
    study, _ = studies.create(db, "busy", config={}, seed=0, trials=1)
    worker = Worker("killed", "host", 7, "cpu")
    db.transaction(lambda t: workers.note(t, study.study_id, worker))
    for hours, seen in ((23, 1), (2, 0)):
        db.transaction(
            lambda t, s=hours * 3600: t.run(
                "UPDATE studyhall_workers SET seen_at = seen_at - :s", s=s
            )
        )
        control.reap(db, study)
        assert len(status.status(db, study).workers) == seen
