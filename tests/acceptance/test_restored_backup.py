"""A backup of the database is restored under running workers: nothing is doubled, the end exact."""

import contextlib
import os
import random
import re
import shutil
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from studyhall.storage.database import Database
from studyhall.storage.database.urls import StorageError, StorageReplaced
from studyhall.storage.leases.leases import LeaseLost
from studyhall.storage.leases.silence import Terms
from studyhall.storage.leases.workers import Worker
from studyhall.storage.queries import records, status
from studyhall.storage.studies import studies
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials import control
from studyhall.storage.trials.claimed_trial import Claim
from studyhall.storage.trials.trial_store import TrialStore
from tests.plain_store import plain_store

TERMS = Terms(silence_s=2.0, retries=9, heartbeat_s=0.1)


@dataclass
class Dump:
    """The content of a PostgreSQL database: rows of tables, as COPY gives them, and counters."""

    rows: dict[str, bytes]
    counters: dict[str, int | None]


TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
COUNTERS = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public'"


def dump(url: str) -> Dump:
    """Returns what the database holds at one moment."""
    with psycopg.connect(url) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        counters = dict(connection.execute(COUNTERS).fetchall())
        rows = {}
        for (table,) in connection.execute(TABLES).fetchall():
            with connection.cursor().copy(f"COPY {table} TO STDOUT") as copy:
                rows[table] = b"".join(bytes(part) for part in copy)
    return Dump(rows, counters)


def restore(url: str, dumped: Dump) -> None:
    """Puts it back in one transaction, while others are connected, who may be in the way."""
    while True:
        with contextlib.suppress(psycopg.errors.DeadlockDetected):
            return _restore(url, dumped)


def _restore(url: str, dumped: Dump) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")  # foreign keys wait
        connection.execute(f"TRUNCATE {', '.join(dumped.rows)}")
        for table, rows in dumped.rows.items():
            with connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:
                copy.write(rows)
        for name, last in dumped.counters.items():
            connection.execute("SELECT setval(%s, %s, %s)", (name, last or 1, last is not None))


def claimed(store: TrialStore) -> Claim:
    claim = store.claim()
    assert isinstance(claim, Claim), claim
    claim.trial.suggest_float("x", 0.0, 1.0)
    return claim


def finish(store: TrialStore) -> None:
    claim = claimed(store)
    for epoch in (1, 2):
        store.report(claim, epoch, 1 / epoch, {})
    store.tell(claim, "COMPLETE", 0.5)


def run_all(store: TrialStore) -> None:
    """Works until nothing is left, waiting for trials whose workers are gone."""
    until = time.monotonic() + 60.0
    while time.monotonic() < until:
        answer = store.claim()
        if isinstance(answer, Claim):
            answer.trial.suggest_float("x", 0.0, 1.0)
            for epoch in (1, 2):
                store.report(answer, epoch, 1 / epoch, {})
            store.tell(answer, "COMPLETE", 0.5)
        elif not hasattr(answer, "running"):
            return
        else:
            time.sleep(0.05)
    raise AssertionError("the study did not come to its end")


def exact(db: Database, study: Study, trials: int) -> None:
    """Checks that each trial is there once and whole, and the budget spent to the last."""
    found = records.trials(db, study)
    assert [(one.number, one.state) for one in found] == [(n, "COMPLETE") for n in range(trials)]
    for one in found:
        assert [row["epoch"] for row in records.history(db, one.trial_id)] == [1, 2]
    state = status.status(db, study)
    assert (state.used, state.finished, state.running) == (trials, trials, [])


def test_a_fence_that_is_given_out_again_opens_nothing(postgres_url: str) -> None:
    """The server's counters are restored, too: trials get identifiers that others have had."""
    db = Database.open(postgres_url)
    study, _ = studies.create(db, "study", config={}, seed=0, trials=4)
    ann, bob = (
        plain_store(db.another(), study, Worker(name, "host", 1, "cpu"), terms=TERMS)
        for name in ("ann", "bob")
    )
    finish(ann)
    before = dump(postgres_url)
    lost = claimed(ann)
    ann.report(lost, 1, 0.1, {})
    restore(postgres_url, before)
    taken = claimed(bob)
    assert (taken.lease.trial_id, taken.lease.fence) == (lost.lease.trial_id, lost.lease.fence)
    assert taken.number == lost.number
    for write in (
        lambda: ann.report(lost, 2, 0.1, {}),
        lambda: ann.checkpoint(lost, "mine", 2),
        lambda: ann.release(lost),
        lambda: ann.tell(lost, "COMPLETE", 0.1),
    ):
        with pytest.raises(LeaseLost):
            write()
    told = control.fail(
        db, study, lost.lease.trial_id, lost.lease.fence, "hangs", "hung", token=lost.lease.token
    )
    assert told is False
    for epoch in (1, 2):
        bob.report(taken, epoch, 1 / epoch, {})
    bob.tell(taken, "COMPLETE", 0.5)
    run_all(ann)
    run_all(bob)
    exact(db, study, 4)
    for one in (ann, bob):
        one.close()
        one._db.close()
    db.close()


def test_a_worker_that_knows_more_than_the_database_leaves(postgres_url: str) -> None:
    """Its sampler would learn from trials that nobody has run."""
    db = Database.open(postgres_url)
    study, _ = studies.create(db, "study", config={}, seed=0, trials=6)
    ann = plain_store(db.another(), study, terms=TERMS)
    finish(ann)
    before = dump(postgres_url)
    finish(ann)
    held = claimed(ann)
    restore(postgres_url, before)
    with pytest.raises(LeaseLost):
        ann.report(held, 1, 0.5, {})
    with pytest.raises(StorageReplaced, match="an older copy was restored while it was in use"):
        ann.claim()
    fresh = plain_store(db.another(), study, terms=TERMS)
    run_all(fresh)
    exact(db, study, 6)
    for one in (ann, fresh):
        one.close()
        one._db.close()
    db.close()


@pytest.mark.parametrize("empty_log", [True, False])
def test_a_file_that_is_overwritten_in_place_is_noticed(tmp_path: Path, empty_log: bool) -> None:
    """As by cp, which leaves it its number: it is told by its size, or by what it holds."""
    db = Database.open(f"sqlite:///{tmp_path}/studyhall.db")
    study, _ = studies.create(db, "study", config={}, seed=0, trials=300)
    ann = plain_store(db, study, terms=TERMS)
    finish(ann)
    _backup(db.file, tmp_path / "backup.db")
    while db.file.stat().st_size <= (tmp_path / "backup.db").stat().st_size:
        finish(ann)
    if empty_log:
        with sqlite3.connect(db.file) as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        other.close()
        finish(ann)
    before = _finished_numbers(db, study)
    shutil.copyfile(tmp_path / "backup.db", db.file)
    try:
        finish(ann)
    except StorageError as error:
        assert re.search("(overwritten|restored) while it was in use", str(error))
    else:  # SQLite's log still had all that the copy lacks
        assert not empty_log
        assert _finished_numbers(db, study) == [*before, len(before)]
    ann.close()
    db.close()


def _finished_numbers(db: Database, study: Study) -> list[int]:
    return [trial.number for trial in records.trials(db, study) if trial.state == "COMPLETE"]


def _backup(file: Path, copy: Path) -> None:
    with sqlite3.connect(file) as source, sqlite3.connect(copy) as target:
        source.backup(target)
    source.close()
    target.close()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_file_that_is_replaced_stops_the_launch_and_goes_on_from_the_copy(folder, wait_for):
    workers = {"count": 1, "heartbeat": 1, "silence": 3}
    training = {"epochs": 300, "patience": "none"}
    folder.study(study={"trials": 5}, training=training, workers=workers)
    process = folder.start("launch", "study.toml")
    file, copy = folder.path / "studyhall.db", folder.path / "copy.db"
    wait_for(lambda: _finished(folder) >= 1, process)
    _backup(file, copy)
    wait_for(lambda: _finished(folder) >= 2, process)
    os.replace(copy, file)
    for log in folder.path.glob("studyhall.db-*"):
        log.unlink(missing_ok=True)
    printed, _ = process.communicate()
    assert process.returncode == 2, printed
    assert "replaced or overwritten while it was in use" in printed
    kept = folder.path / "studyhall-artifacts" / "iris"
    assert f"checkpoints and models are kept in {kept}" in printed, printed
    assert "studyhall resume iris" in printed
    before = folder.status("iris")
    assert before is not None and before.finished < 5
    folder.run("resume", "iris")
    found = folder.trials("iris")
    assert [(one.number, one.state, one.epochs) for one in found] == [
        (number, "COMPLETE", 300) for number in range(5)
    ]


def _finished(folder: Any) -> int:
    state = folder.status("iris")
    return 0 if state is None else state.finished


@pytest.mark.timeout(180)
def test_real_workers_under_a_restored_dump(
    postgres_url: str, crew: Callable[..., Any], tmp_path: Path
) -> None:
    """Those that know more than the database leave, others come."""
    db = Database.open(postgres_url)
    study, _ = studies.create(db, "study", config={}, seed=0, trials=12)
    workers = crew(db, epochs=8, epoch_s=0.03, silence_s=2.0, heartbeat_s=0.2)
    chance = random.Random()

    def finished(count: int) -> bool:
        """Tells whether so many have ended; those that have left are replaced meanwhile."""
        workers.start(3 - len(workers.working()))
        return status.status(db, study).finished >= count

    _until(lambda: finished(3))
    before = dump(postgres_url)
    _until(lambda: finished(5))
    time.sleep(chance.uniform(0.0, 0.3))
    restore(postgres_url, before)
    _until(lambda: finished(12))
    for worker in workers.running:
        worker.join(60.0)
    found = records.trials(db, study)
    assert [(one.number, one.state) for one in found] == [(n, "COMPLETE") for n in range(12)]
    for one in found:
        assert [row["epoch"] for row in records.history(db, one.trial_id)] == [*range(1, 9)]
    assert status.status(db, study).used == 12
    with psycopg.connect(postgres_url) as connection:
        rows = "SELECT count(*), count(DISTINCT number) FROM trials"
        assert connection.execute(rows).fetchone() == (12, 12)
    db.close()


def _until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 60.0
    while not condition():
        assert time.monotonic() < until, "it has not come about"
        time.sleep(0.1)
