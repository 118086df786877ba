"""The disk of the database is full: it is said, waited for or left, and nothing is lost."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from studyhall.storage.database import Database
from studyhall.storage.database.waits import Waits
from studyhall.storage.leases.silence import Terms
from studyhall.storage.queries import records, status
from studyhall.storage.studies import studies
from studyhall.storage.trials.claimed_trial import Claim
from tests.full_disk import fill
from tests.plain_store import plain_store

LONG = {"epochs": 400, "patience": "none"}
SIZE = 24 * 2**20  # more than SQLite's log grows to, and then the database


def launched(folder: Any, disk: Path, wait_for: Callable[..., None]) -> "subprocess.Popen[str]":
    """Launches a study whose database is on the disk, and fills it once trials are under way."""
    folder.environment["STUDYHALL_STORAGE"] = f"sqlite:///{disk}/studyhall.db"
    workers = {"count": 1, "heartbeat": 1, "silence": 5}
    folder.study(study={"trials": 3}, training=LONG, workers=workers)
    process = folder.start("launch", "study.toml")
    wait_for(lambda: _epochs(folder) > 5, process)
    return process


def _epochs(folder: Any) -> int:
    if not Path(folder.storage.removeprefix("sqlite:///")).exists():
        return 0
    state = folder.status("iris")
    return 0 if state is None else max([one.epoch for one in state.running], default=0)


def heard(process: "subprocess.Popen[str]", words: str) -> str:
    """Returns what a process prints, up to a line with these words."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if words in line:
            return "".join(lines)
    raise AssertionError("".join(lines))


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_with_space_again_the_study_goes_on_to_its_exact_end(folder, small_disk, wait_for):
    disk = small_disk(SIZE)
    process = launched(folder, disk, wait_for)
    ballast = fill(disk)
    printed = heard(process, "waiting for space")
    assert f"waiting for space on {disk} (database {folder.storage})" in printed
    ballast.unlink()
    printed, _ = process.communicate()
    assert process.returncode == 0, printed
    assert printed.startswith("the workers wait no longer"), printed
    found = folder.trials("iris")
    assert [(one.number, one.state, one.attempt) for one in found] == [
        (number, "COMPLETE", 1) for number in range(3)
    ]
    assert {one.epochs for one in found} == {LONG["epochs"]}
    assert "the database takes transactions again" in folder.log("iris")


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_launch_meanwhile(folder, small_disk, wait_for, number):
    disk = small_disk(SIZE)
    process = launched(folder, disk, wait_for)
    ballast = fill(disk)
    heard(process, "waiting for space")
    began = time.monotonic()
    process.send_signal(number)
    process.communicate()
    assert process.returncode == 128 + number
    assert time.monotonic() - began < 60.0
    ballast.unlink()
    folder.run("resume", "iris")
    found = folder.trials("iris")
    assert [one.state for one in found] == ["COMPLETE"] * 3
    assert {one.epochs for one in found} == {LONG["epochs"]}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_likewise_the_disk_of_a_server(own_postgres, small_disk):
    """Its tables lie on the small disk; a server whose log finds no space ends itself."""
    disk, base = small_disk(96 * 2**20), own_postgres.pgdata / "base"
    own_postgres.stop()
    subprocess.run(["cp", "--archive", f"{base}/.", str(disk)], check=True)
    owner = base.stat()
    os.chown(disk, owner.st_uid, owner.st_gid)
    disk.chmod(owner.st_mode)
    subprocess.run(["mount", "--bind", str(disk), str(base)], check=True)
    try:
        own_postgres.start()
        _with_tables_on(own_postgres.get_uri(), disk)
        own_postgres.stop()
    finally:
        subprocess.run(["umount", "--lazy", str(base)], check=True)
    own_postgres.start()


def _with_tables_on(url: str, disk: Path) -> None:
    db = Database.open(url)
    study, _ = studies.create(db, "study", config={}, seed=0, trials=12)
    said: list[str] = []
    db.waits = Waits(tell=said.append, lasting=True)
    store = plain_store(db, study, terms=Terms(heartbeat_s=0.5))
    ballast = fill(disk)
    worker = threading.Thread(target=_work, args=(store,))
    worker.start()
    deadline = time.monotonic() + 120.0
    while not said and time.monotonic() < deadline:
        time.sleep(0.1)
    assert said == [f"waiting for space on the disk of its server (database {db})"]
    ballast.unlink()
    worker.join()
    store.close()
    assert said[1:] == [""]
    found = records.trials(db, study)
    assert [(one.state, one.epochs, one.attempt) for one in found] == [("COMPLETE", 40, 1)] * 12
    assert status.status(db, study).used == 12
    db.close()


def _work(store: Any) -> None:
    while isinstance(claim := store.claim(), Claim):
        x = claim.trial.suggest_float("x", 0.0, 1.0)
        for epoch in range(1, 41):
            store.report(claim, epoch, x + 1 / epoch, {"much": "x" * 2000})
        store.tell(claim, "COMPLETE", x)
