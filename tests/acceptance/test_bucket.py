"""Two machines that share a database and a bucket, and no folder."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from studyhall.storage.artifacts import bucket
from studyhall.storage.database import Database
from studyhall.storage.queries import records, status
from studyhall.storage.studies import studies

DEADLINE_S = 240.0
EPOCHS = 40


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_trial_that_is_killed_on_one_machine_goes_on_on_another(
    new_folder: Callable[[], Any], postgres_url: str, s3: str
) -> None:
    one, other = new_folder(), new_folder()
    for machine in (one, other):
        machine.environment |= {**os.environ, "STUDYHALL_STORAGE": postgres_url}
        machine.environment["HOME"] = str(machine.path)
    one.study(
        "iris.toml",
        study={"artifacts": f"s3://{s3}/team", "trials": 1},
        training={
            "epochs": EPOCHS, "patience": "none", "engine": "keras", "checkpoint_every_s": 0,
        },
        workers={"heartbeat": 1.0, "silence": 4.0},
    )  # fmt: skip
    db = Database.open(postgres_url)

    launch = subprocess.Popen(
        [sys.executable, "-P", "-m", "studyhall", "launch", "iris.toml", "--workers", "1"],
        cwd=one.path, env=one.environment, stdout=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        held = _wait_for(lambda: _with_a_checkpoint(db), launch)
        for pid in (launch.pid, held.pid):  # the power is cut
            os.kill(pid, signal.SIGKILL)
    finally:
        launch.kill()
        launch.wait()

    other.run("worker", "iris", "--folder", str(other.path))
    study = studies.find(db, "iris")
    assert study is not None
    (trial,) = records.trials(db, study)
    assert (trial.state, trial.attempt, trial.epochs) == ("COMPLETE", 2, EPOCHS)
    history = records.history(db, trial.trial_id)
    assert [epoch["epoch"] for epoch in history] == list(range(1, EPOCHS + 1))
    repeated = status.status(db, study).repeated_epochs
    assert repeated < held.epoch, "it began again"

    objects = bucket.looking(study.config["artifacts"]).objects()
    assert [stored.kind for stored in objects] == ["model"]
    other.run("best", "iris", "--export", "winner")
    assert (other.path / "winner" / "model.keras").is_file()
    other.run("delete", "iris", "--yes")
    assert bucket.looking(f"s3://{s3}").objects() == []
    db.close()


def _with_a_checkpoint(db: Database) -> Any:
    study = studies.find(db, "iris")
    running = status.status(db, study).running if study else []
    return next((one for one in running if one.checkpoint and one.epoch >= 5), None)


def _wait_for(condition: Callable[[], Any], process: "subprocess.Popen[bytes]") -> Any:
    deadline = time.monotonic() + DEADLINE_S
    while not (found := condition()):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    return found
