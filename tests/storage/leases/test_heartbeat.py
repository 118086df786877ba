"""A heartbeat goes on whatever happens to the database, and says what it hears."""

import logging
import queue
import uuid
from collections.abc import Callable, Iterator

import psycopg
import pytest

from studyhall.storage.database import Database
from studyhall.storage.leases.heartbeat import Heartbeat
from studyhall.storage.leases.leases import Lease
from studyhall.storage.leases.orders import Order
from studyhall.storage.leases.silence import Terms
from studyhall.storage.leases.workers import Worker
from studyhall.storage.queries import status
from studyhall.storage.sampling import feed
from studyhall.storage.studies import studies
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials import claim, control

WORKER = Worker("worker-1", "host", 42, "gpu 0")
PATIENCE_S = 20.0  # only a failure takes as long
Heard = queue.Queue[tuple[Lease, Order | None]]


@pytest.fixture
def study(db: Database) -> Study:
    return studies.create(db, "study", config={}, seed=0, trials=3)[0]


@pytest.fixture
def heard() -> Heard:
    return queue.Queue()


@pytest.fixture
def heartbeat(db: Database, study: Study, heard: Heard) -> Iterator[Heartbeat]:
    beating = Heartbeat(db, study.study_id, WORKER, 0.02, lambda *what: heard.put(what))
    yield beating
    beating.stop()
    beating._thread.join(PATIENCE_S)


def claimed(db: Database, study: Study) -> Lease:
    token = uuid.uuid4().hex
    answer = db.transaction(
        lambda t: claim.claim(
            t, study.study_id, WORKER, token, Terms(), clock=db.clock, seen=feed.Seen()
        )
    )
    assert isinstance(answer, Lease)
    return answer


def wait_for(heard: Heard, expected: Callable[[Lease, Order | None], bool]) -> None:
    while not expected(*heard.get(timeout=PATIENCE_S)):
        pass


def test_renews_the_lease_in_hand(
    db: Database, study: Study, heartbeat: Heartbeat, heard: Heard
) -> None:
    lease, other = claimed(db, study), claimed(db, study)
    db.transaction(lambda t: t.run("UPDATE studyhall_leases SET heard_at = 0"))
    heartbeat.hold(lease)
    assert heard.get(timeout=PATIENCE_S) == (lease, Order.GO_ON)
    rows = db.snapshot(lambda t: t.rows("SELECT trial_id, heard_at, {now} FROM studyhall_leases"))
    silent = {trial_id: now - heard_at for trial_id, heard_at, now in rows}
    assert -1.0 < silent[lease.trial_id] < PATIENCE_S
    assert silent[other.trial_id] > 1e9


def test_hears_what_the_worker_is_asked_to_do(
    db: Database, study: Study, heartbeat: Heartbeat, heard: Heard
) -> None:
    lease = claimed(db, study)
    heartbeat.hold(lease)
    control.set_stop(db, study, True)
    wait_for(heard, lambda _, order: order is Order.STOP)
    control.set_stop(db, study, False)
    wait_for(heard, lambda _, order: order is Order.GO_ON)
    control.stop_trial(db, study, lease.number)
    wait_for(heard, lambda _, order: order is Order.PRUNE)


def test_finds_out_that_the_lease_is_lost(
    db: Database, study: Study, heartbeat: Heartbeat, heard: Heard
) -> None:
    lease = claimed(db, study)
    db.transaction(lambda t: t.run("UPDATE studyhall_leases SET fence = fence + 1, heard_at = 0"))
    heartbeat.hold(lease)
    assert heard.get(timeout=PATIENCE_S) == (lease, None)
    row = db.snapshot(lambda t: t.row("SELECT heard_at FROM studyhall_leases"))
    assert row is not None
    assert row.heard_at == 0


def test_goes_on_after_any_database_error(
    db: Database, study: Study, heartbeat: Heartbeat, heard: Heard, caplog: pytest.LogCaptureFixture
) -> None:
    failures: queue.Queue[str] = queue.Queue()
    handler = logging.Handler()
    handler.emit = lambda record: failures.put(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("studyhall.storage.leases.heartbeat")
    lease = claimed(db, study)
    heartbeat.hold(lease)
    wait_for(heard, lambda _, order: order is Order.GO_ON)
    with caplog.at_level(logging.DEBUG, logger.name):
        logger.addHandler(handler)
        db.transaction(lambda t: t.run("ALTER TABLE studyhall_leases RENAME TO gone"))
        for _ in range(3):
            assert failures.get(timeout=PATIENCE_S).startswith("the heartbeat failed")
        while not heard.empty():
            heard.get()
        db.transaction(lambda t: t.run("ALTER TABLE gone RENAME TO studyhall_leases"))
        assert heard.get(timeout=PATIENCE_S) == (lease, Order.GO_ON)
        logger.removeHandler(handler)


def test_goes_on_after_its_connection_was_cut(postgres_url: str, heard: Heard) -> None:
    db = Database.open(postgres_url)
    study, _ = studies.create(db, "study", config={}, seed=0, trials=3)
    lease = claimed(db, study)
    beating = Heartbeat(db, study.study_id, WORKER, 0.02, lambda *what: heard.put(what))
    beating.hold(lease)
    heard.get(timeout=PATIENCE_S)
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        cut = admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchall()
    while not heard.empty():
        heard.get()
    assert len(cut) >= 2
    for _ in range(2):
        assert heard.get(timeout=PATIENCE_S) == (lease, Order.GO_ON)
    beating.stop()
    beating._thread.join(PATIENCE_S)
    db.close()


def test_worker_is_on_the_list_until_it_leaves(
    db: Database, study: Study, heartbeat: Heartbeat, heard: Heard
) -> None:
    heartbeat.hold(claimed(db, study))
    heard.get(timeout=PATIENCE_S)
    (seen,) = status.status(db, study).workers
    assert (seen.name, seen.host, seen.pid, seen.device) == ("worker-1", "host", 42, "gpu 0")
    heartbeat.stop()
    heartbeat._thread.join(PATIENCE_S)
    assert not heartbeat._thread.is_alive()
    assert status.status(db, study).workers == []
