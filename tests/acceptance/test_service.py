"""A team's studies, as team.md tells it: PostgreSQL, a dashboard, two machines."""

import contextlib
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import sqlalchemy as sa
from sqlalchemy import make_url

from studyhall.storage.database import Database, dialects
from studyhall.storage.queries import records, status
from studyhall.storage.studies import studies
from tests import pages

ROOT = Path(__file__).resolve().parent.parent.parent
DEADLINE_S = 400.0
TRIALS, EPOCHS = 3, 15
# A machine builds its first model once its home says so: the other one must have a trial in hand.
MODEL = """
import pathlib, time
import keras

def build(trial, input_shape, outputs):
    while not (pathlib.Path.home() / "go").exists():
        time.sleep(0.1)
    hidden = keras.layers.Dense(trial.params["width"], activation="relu")
    output = keras.layers.Dense(outputs, activation="softmax")
    return keras.Sequential([keras.Input(input_shape), hidden, output])
"""
HUSH = "hush-of-the-database"
PASSWORDS = {"ann": "may do it all", "vic": "watches only"}


def told() -> dict[str, list[str]]:
    """The commands of the walk-through, by their first words."""
    blocks = pages.code("sh", pages.text("team.md"))
    lines = [shlex.split(line) for block in blocks for line in block.splitlines()]
    assert lines[0][0] == "export"
    commands = [line[1:] for line in lines[1:] if line[0] == "studyhall"]
    assert len(commands) == len(lines) - 1
    return {" ".join(words[: 3 if words[0] == "users" else 1]): words for words in commands}


@pytest.fixture
def team(new_folder: Callable[[], Any], postgres_url: str) -> Iterator["Team"]:
    made = Team(new_folder, postgres_url)
    yield made
    made.end()


class Team:
    """Machines with folders, homes and process groups of their own; they share one folder."""

    def __init__(self, new_folder: Callable[[], Any], url: str) -> None:
        self.told = told()
        url = make_url(url).set(password=HUSH).render_as_string(hide_password=False)
        self.shared = new_folder().path / "objects"
        self.machines = {name: new_folder() for name in ("service", "one", "other")}
        for folder in self.machines.values():
            folder.environment |= {"STUDYHALL_STORAGE": url, "HOME": str(folder.path)}
        self.db = Database.open(url)
        self.running: list[subprocess.Popen[str]] = []

    def run(self, machine: str, command: str, *more: str, typed: str = "") -> str:
        return str(self.machines[machine].run(*self.told[command], *more, typed=typed))

    def start(self, machine: str, *arguments: str) -> "subprocess.Popen[str]":
        """Start a command in a process group of its own."""
        folder = self.machines[machine]
        with (folder.path / "printed").open("w") as printed:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "studyhall", *arguments],
                cwd=folder.path,
                env=folder.environment,
                stdout=printed,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        self.running.append(process)
        return process

    def printed(self, machine: str) -> str:
        path = self.machines[machine].path / "printed"
        return path.read_text() if path.exists() else ""

    def status(self) -> status.Status | None:
        study = studies.find(self.db, "digits")
        return None if study is None else status.status(self.db, study)

    def end(self) -> None:
        for process in self.running:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.db.close()


def wait_for(condition: Callable[[], Any], team: Team) -> Any:
    """Wait until a condition gives anything, and return it; no process may end meanwhile."""
    deadline = time.monotonic() + DEADLINE_S
    while not (found := condition()):
        ended = [process.args for process in team.running if process.poll() not in (None, 0)]
        assert not ended, [team.printed(machine) for machine in team.machines]
        assert time.monotonic() < deadline, "what the test waits for did not come about"
        time.sleep(0.2)
    return found


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_team_ends_a_study_though_a_machine_dies(team: Team, dashboard_at: Any) -> None:
    # an admin, a viewer, and the dashboard
    for name, password in PASSWORDS.items():
        team.run("service", f"users add {name}", "--password-stdin", typed=f"{password}\n")
    command = team.told["dashboard"]
    port = free_port()
    served = team.start("service", *_with(command, "--port", str(port)))
    page = dashboard_at(f"http://127.0.0.1:{port}", served)
    wait_for(lambda: _answers(page), team)
    viewer, admin = (f"{name}:{PASSWORDS[name]}" for name in ("vic", "ann"))

    # a study, launched on one machine and joined by another
    team.machines["one"].study(
        "digits.toml",
        study={"name": "digits", "artifacts": str(team.shared), "trials": TRIALS},
        model={"family": "my_model.py:build"},
        training={"epochs": EPOCHS, "patience": "none", "engine": "keras"},
        workers={"heartbeat": 1.0, "silence": 4.0},
    )
    for machine in ("one", "other"):
        team.machines[machine].write("my_model.py", MODEL)
    team.machines["other"].write("go", "")
    first = team.start("one", *team.told["launch"])
    wait_for(team.status, team)
    second = team.start("other", *team.told["worker"])
    wait_for(lambda: _holds_a_trial(team, second.pid), team)
    assert not [line for line in _command_lines(team) if HUSH in line]
    os.killpg(second.pid, signal.SIGKILL)
    second.wait()
    team.running.remove(second)
    team.machines["one"].write("go", "")

    # the first machine ends it, with exactly as many results
    first.wait(DEADLINE_S)
    assert first.returncode == 0, team.printed("one")
    study = studies.find(team.db, "digits")
    assert study is not None
    trials = records.trials(team.db, study)
    assert [trial.number for trial in trials] == list(range(TRIALS))
    assert {trial.state for trial in trials} == {"COMPLETE"}
    assert {trial.epochs for trial in trials} == {EPOCHS}
    taken = [trial.number for trial in trials if trial.attempt > 1]
    assert len(taken) == 1

    # the viewer sees it end, and can't delete it
    path = f"/api/studies/{study.study_id}"
    shown = page.get(path, login=viewer).json["trials"]
    assert [trial["state"] for trial in shown] == ["Complete"] * TRIALS
    assert page.ask("DELETE", path, {}, login=viewer).status == 403
    assert page.get(path, login=viewer).status == 200

    # the admin deletes it, and restores it
    assert page.ask("DELETE", path, {}, login=admin).status == 200
    assert page.get(path, login=viewer).status == 404
    assert team.machines["one"].answer("status", "digits").returncode == 2
    assert f"with {TRIALS} trials" in team.run("service", "trash")
    assert "proven: reloaded in a fresh process" in team.run("one", "best")
    assert len(page.get(path, login=viewer).json["trials"]) == TRIALS
    served.send_signal(signal.SIGTERM)
    assert served.wait(60) == 0

    # what was printed, logged and stored on the way holds no password
    assert team.run("one", "watch").splitlines()[-1].split()[:2] == ["digits", str(TRIALS)]
    left = [*_rows(team.db), *_files(team)]
    assert len(left) > 100
    for secret in (HUSH, *PASSWORDS.values()):
        assert not [text for text in left if secret.encode() in text], secret


def _holds_a_trial(team: Team, pid: int) -> bool:
    now = team.status()
    return now is not None and any(one.pid == pid and one.epoch for one in now.running)


def _command_lines(team: Team) -> Iterator[str]:
    """Yield the command line of every process of the team, as a process list shows it."""
    for started in team.running:
        own = psutil.Process(started.pid)
        for process in (own, *own.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                yield " ".join(process.cmdline())


def _rows(db: Database) -> Iterator[bytes]:
    """Every row of every table: notes, attributes, records."""
    metadata = sa.MetaData()
    with dialects.engine(db.url).connect() as connection:
        metadata.reflect(connection)
        for table in metadata.sorted_tables:
            for row in connection.execute(sa.select(table)):
                yield repr(row).encode()


def _files(team: Team) -> Iterator[bytes]:
    """Everything printed and logged, the audit log, models and cards."""
    for folder in (team.shared, *(machine.path for machine in team.machines.values())):
        yield from (path.read_bytes() for path in folder.rglob("*") if path.is_file())


def _answers(page: Any) -> bool:
    try:
        return bool(page.get("/healthz").status == 200)
    except OSError:
        return False


def _with(command: list[str], option: str, value: str) -> list[str]:
    """A command with another value of an option."""
    place = command.index(option) + 1
    return [*command[:place], value, *command[place + 1 :]]


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
