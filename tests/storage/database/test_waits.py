"""Waits for a database that takes no transactions: said, and ended by a stop request."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from studyhall.storage.database import Database, troubles, waits
from studyhall.storage.database.urls import StorageAway, StorageFull
from studyhall.storage.database.waits import Waits
from tests.full_disk import fill

WRITE = "INSERT INTO studyhall_facts (study_id, key, value) VALUES (1, :key, :value)"


def write(db: Database, key: str, patience_s: float, size: int = 20_000) -> None:
    value = "x" * size
    db.transaction(lambda t: t.run(WRITE, key=key, value=value), patience_s=patience_s)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is said at once, and a stopped process tries for a moment only."""
    monkeypatch.setattr(waits, "SAID_AFTER_S", 0.0)
    monkeypatch.setattr(waits, "LAST_S", 0.3)


@pytest.mark.usefixtures("quick")
def test_a_full_disk_is_waited_for_until_it_has_space_again(
    small_disk: Callable[[int], Path],
) -> None:
    disk = small_disk(6 * 2**20)
    db = Database.open(f"sqlite:///{disk}/studyhall.db")
    ballast, said = fill(disk), list[str]()

    def tell(line: str) -> None:
        said.append(line)
        ballast.unlink(missing_ok=True)

    with pytest.raises(StorageFull, match=f"no space is left on {disk}$"):
        write(db, "a", patience_s=0.0)
    assert said == [], "nobody has waited"
    db.waits = Waits(tell=tell)
    write(db, "a", patience_s=30.0)
    assert said == [f"waiting for space on {disk} (database {db})", ""]
    assert db.snapshot(lambda t: t.value("SELECT count(*) FROM studyhall_facts")) == 1
    db.close()


@pytest.mark.usefixtures("quick")
def test_only_a_worker_waits_for_space_for_ever_and_a_stop_request_ends_that(
    small_disk: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = small_disk(6 * 2**20)
    db = Database.open(f"sqlite:///{disk}/studyhall.db")
    fill(disk)
    monkeypatch.setattr("studyhall.storage.database.connection.PATIENCE_S", 0.1)
    with pytest.raises(StorageFull):
        write(db, "a", patience_s=0.1)
    stop = threading.Event()
    db.waits = Waits(stop.is_set, lambda line: None, lasting=True)
    threading.Timer(1.0, stop.set).start()
    began = time.monotonic()
    with pytest.raises(StorageFull):
        write(db, "a", patience_s=0.1)
    assert 1.0 <= time.monotonic() - began < 30.0
    db.close()


@pytest.mark.usefixtures("quick")
def test_a_stop_request_ends_the_wait_for_a_server(postgres_url: str) -> None:
    db = Database.open(postgres_url)
    db.close()
    name = psycopg.conninfo.conninfo_to_dict(postgres_url)["dbname"]
    with psycopg.connect(postgres_url, dbname="postgres", autocommit=True) as other:
        other.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    stop, said = threading.Event(), list[str]()

    def tell(line: str) -> None:
        said.append(line)
        stop.set()

    db.waits = Waits(stop.is_set, tell)
    began = time.monotonic()
    with pytest.raises(StorageAway, match="not reachable"):
        db.transaction(lambda t: t.run("SELECT 1"))
    assert time.monotonic() - began < 60.0, "it would have tried for five minutes"
    assert len(said) == 1 and said[0].startswith(f"waiting for the database {db}: ")


def test_a_process_that_is_asked_to_stop_tries_again_nevertheless() -> None:
    """One lost connection must not keep it from handing back its trial."""
    asked = Waits(lambda: True)
    began = time.monotonic() + 1000.0
    assert asked.deadline(began, 300.0) == began + waits.LAST_S
    assert asked.deadline(began, 1.0) == began + 1.0
    assert Waits().deadline(began, 300.0) == began + 300.0


def test_what_is_waited_for_is_said_once_and_by_all_connections_together(db: Database) -> None:
    said: list[str] = []
    db.waits = Waits(tell=said.append)
    other = db.another()
    for _ in range(3):
        db.waits.failed(time.monotonic() - waits.SAID_AFTER_S, "waiting for it")
        other.waits.failed(time.monotonic(), "waiting for it")
    assert said == ["waiting for it"]
    other.snapshot(lambda t: t.run("SELECT 1"))
    assert said == ["waiting for it"], "from a full disk can be read"
    other.transaction(lambda t: t.run("DELETE FROM studyhall_facts"))
    db.transaction(lambda t: t.run("DELETE FROM studyhall_facts"))
    assert said == ["waiting for it", ""]
    other.close()


def test_a_lock_of_another_program_is_told_from_an_outage(sqlite_url: str) -> None:
    db, other = Database.open(sqlite_url), Database.open(sqlite_url)
    db.transaction(lambda t: t.run("SELECT 1"))

    def hold(transaction: object) -> None:
        db._connection.execute("PRAGMA busy_timeout = 10")
        with pytest.raises(StorageAway) as away:
            write(db, "a", patience_s=0.0)
        cause = away.value.__cause__
        assert isinstance(cause, Exception)
        found = troubles.of(cause, str(db), db.file)
        assert found.waiting == (
            f"waiting for another program, which has locked it (database {db})"
        )
        assert not found.is_full

    other.transaction(hold)
    db.close()
    other.close()
