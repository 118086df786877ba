"""The findings about the database itself."""

import os
import threading
import time
from pathlib import Path

from studyhall.storage.database import Database, Transaction, health
from studyhall.storage.database.versions import VERSION
from studyhall.storage.leases import budget
from studyhall.storage.studies import studies
from studyhall.storage.trials import control


def test_a_database_is_told_as_it_is(db: Database) -> None:
    found = health.read(db)
    assert (found.kind, found.schema_version) == (db.kind, VERSION)
    assert found.optuna_version.startswith("5.")
    assert found.optuna_revision.startswith("v")
    assert int(found.version.split(".")[0]) >= 3
    assert 0 < found.latency_ms < 5000
    assert abs(found.clock_ahead_s) < 5


def test_sqlites_file_and_its_log_are_measured(sqlite_url: str, tmp_path: Path) -> None:
    db = Database.open(sqlite_url)
    studies.create(db, "study", config={"text": "x" * 100_000}, seed=0, trials=1)
    found = health.read(db)
    on_disk = sum(os.stat(f"{tmp_path}/studyhall.db{end}").st_size for end in ("", "-wal"))
    assert found.size_bytes == on_disk > 100_000
    assert (found.journal_mode, found.waiting, found.connections) == ("wal", None, None)
    assert found.free_bytes is not None
    assert found.free_bytes > 0
    assert found.file_system
    db.close()


def test_postgres_tells_who_waits_for_a_lock(postgres_url: str) -> None:
    db = Database.open(postgres_url)
    study, _ = studies.create(db, "study", config={}, seed=0, trials=1)
    before = health.read(db)
    assert (before.waiting, before.journal_mode, before.free_bytes) == (0, None, None)
    assert before.connections is not None
    assert before.connections_limit is not None
    assert 1 <= before.connections <= before.connections_limit
    assert before.size_bytes > 1_000_000
    holder, waiter = db.another(), db.another()
    leave = threading.Event()

    def hold() -> None:
        def work(transaction: Transaction) -> None:
            budget.lock(transaction, study.study_id)
            leave.wait(20)

        holder.transaction(work)

    threads = [threading.Thread(target=hold)]
    threads.append(threading.Thread(target=lambda: control.set_stop(waiter, study, True)))
    for thread in threads:
        thread.start()
        time.sleep(0.2)
    until = time.monotonic() + 10
    while health.read(db).waiting != 1:
        assert time.monotonic() < until
        time.sleep(0.05)
    leave.set()
    for thread in threads:
        thread.join()
    assert health.read(db).waiting == 0
    for opened in (db, holder, waiter):
        opened.close()


def test_a_password_is_not_told(postgres_url: str) -> None:
    db = Database.open(postgres_url.replace("postgres:@", "postgres:sesame@"))
    assert "sesame" not in health.read(db).url
    db.close()
