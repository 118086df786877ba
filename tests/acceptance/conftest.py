"""The command as a user types it: in a folder of its own, in a process of its own."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from studyhall.search.cli import app
from studyhall.search.study import creation, inspection
from studyhall.search.study_file import config
from studyhall.storage.database import Database
from studyhall.storage.queries import records, status
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.queries.status import Status
from studyhall.storage.studies import studies

COMMAND = [sys.executable, "-P", "-m", "studyhall"]
DEADLINE_S = 280.0  # on a busy machine; what is over sooner waits for nothing


class Folder:
    """A folder that a user works in, with the command at hand."""

    def __init__(self, path: Path, study_file: Callable[..., str]) -> None:
        self.path = path
        self.study_file = study_file
        self.environment = {
            name: value for name, value in os.environ.items() if name != "STUDYHALL_STORAGE"
        }

    @property
    def storage(self) -> str:
        """The URL of the database that its commands use."""
        own = f"sqlite:///{self.path}/studyhall.db"
        return self.environment.get("STUDYHALL_STORAGE", own)

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file, with the folders that it needs."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def study(self, name: str = "study.toml", **changes: dict[str, Any]) -> Path:
        """Write a study file: two trials on iris, but for the changes; None leaves a key out."""
        return self.write(name, self.study_file(**changes))

    def run(self, *arguments: str, code: int = 0, typed: str = "") -> str:
        """Run the command, see that it ends with this code, and give what it printed."""
        answer = self.answer(*arguments, typed=typed)
        assert answer.returncode == code, answer.stdout + answer.stderr
        return answer.stdout

    def answer(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run the command to its end, however it ends."""
        return subprocess.run(
            [*COMMAND, *arguments],
            cwd=self.path,
            env=self.environment,
            input=typed,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )

    def json(self, *arguments: str) -> Any:
        """Return what the command prints with --json; it runs in this process, which is quicker."""
        return json.loads(self.here(*arguments, "--json"))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the command and leave it running."""
        return subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=self.path,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def create(self, file: str) -> None:
        """Create the study of a file without running it, as a launch begins."""
        path = self.path / file
        checked = config.load(path, {"study": {"artifacts": str(self.path / "artifacts")}})
        db = Database.open(f"sqlite:///{self.path}/studyhall.db")
        creation.create(db, checked, path.parent, inspection.inspect(checked, path))
        db.close()

    def finish(self, file: str, name: str) -> None:
        """Run the study of a file to its end in this process, which is quicker than a launch."""
        self.create(file)
        for command in ("worker", "finish"):
            self.here(command, name)

    def status(self, name: str) -> Status | None:
        """Return the status of a study, or None while there is none."""
        own = "STUDYHALL_STORAGE" not in self.environment
        if own and not (self.path / "studyhall.db").exists():
            return None
        db = Database.open(self.storage)
        try:
            study = studies.find(db, name)
            return None if study is None else status.status(db, study)
        finally:
            db.close()

    def trials(self, name: str) -> list[TrialRecord]:
        """The trials of a study, from its database."""
        db = Database.open(self.storage)
        try:
            study = studies.find(db, name)
            assert study is not None
            return records.trials(db, study)
        finally:
            db.close()

    def log(self, study: str, worker: int = 1) -> str:
        """Return the text of a worker's log."""
        folder = self.path / "studyhall-artifacts" / study / "logs"
        return (folder / f"worker-{worker}.log").read_text()

    def here(self, *arguments: str) -> str:
        """Run the command in this process, and give what it printed."""
        printed = io.StringIO()
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
            patch.chdir(self.path)
            patch.delenv("STUDYHALL_STORAGE", raising=False)
            for name, value in self.environment.items():
                patch.setenv(name, value)
            assert _ended(patch, *arguments) == 0, printed.getvalue()
        for number, handler in handlers.items():  # a worker listens to both
            signal.signal(number, handler)
        return printed.getvalue()

    def files(self) -> set[str]:
        """Every file and folder in it, but for what Python keeps for itself."""
        found = (str(path.relative_to(self.path)) for path in self.path.rglob("*"))
        return {path for path in found if "__pycache__" not in path}


@pytest.fixture
def folder(tmp_path: Path, study_file: Callable[..., str]) -> Folder:
    """An empty folder for one test."""
    return Folder(tmp_path, study_file)


@pytest.fixture(scope="session")
def new_folder(
    tmp_path_factory: pytest.TempPathFactory, study_file: Callable[..., str]
) -> Callable[[], Folder]:
    """Makes empty folders that several tests may share."""
    return lambda: Folder(tmp_path_factory.mktemp("folder"), study_file)


@pytest.fixture(scope="session")
def interrupted() -> Callable[..., str]:
    """Starts a command, interrupts it once a condition holds, and gives what it printed."""

    def run(folder: Folder, condition: Callable[[], bool], *arguments: str) -> str:
        process = folder.start(*arguments)
        try:
            _wait_for(condition, process)
            process.send_signal(signal.SIGINT)
            printed, _ = process.communicate(timeout=DEADLINE_S)
        finally:
            process.kill()
        assert process.returncode == 130, printed
        return printed

    return run


@pytest.fixture(scope="session")
def wait_for() -> Callable[[Callable[[], bool], subprocess.Popen[str]], None]:
    """Waits for a condition while a process runs."""
    return _wait_for


def _wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "what the test waits for did not come about"
        time.sleep(0.2)


def _ended(patch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Runs the command in this process; its exit code."""
    patch.setattr(sys, "argv", ["studyhall", *arguments])
    with pytest.raises(SystemExit) as ended:
        app.run()
    return int(ended.value.code or 0)


@pytest.fixture
def typed(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., tuple[int, str, str]]]:
    """Runs the command in this process, which is quicker: (exit code, stdout, stderr)."""
    monkeypatch.chdir(folder.path)
    monkeypatch.delenv("STUDYHALL_STORAGE", raising=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        return _ended(monkeypatch, *arguments), *capsys.readouterr()

    yield run
