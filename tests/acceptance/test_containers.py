"""docker-compose.yml on a real engine, as containers.md says it: `make test-compose`.

Skipped where no engine answers. The project's own containers and volumes are left alone: these have
another name. What an engine without a registry lacks is made by `engine/engine.sh`.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.test_service import free_port

ROOT = Path(__file__).resolve().parent.parent.parent
PROJECT = "studyhalltest"
WAIT_S = 600.0
PASSWORD = "correct horse battery"
TRIALS = 8
# The launcher and its workers, without a word: the init process of the container then ends, too.
KILL = """
import os, signal
for number in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):
    command = open(f"/proc/{number}/cmdline", "rb").read()
    if number not in (1, os.getpid()) and b"studyhall" in command:
        os.kill(number, signal.SIGKILL)
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def runs(*command: str) -> bool:
    """Tell whether a command is there and succeeds."""
    if not shutil.which(command[0]):
        return False
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


class Compose:
    """The project, in a copy of what git knows of it, under a name of its own."""

    def __init__(self, folder: Path, study: str) -> None:
        self.folder, self.port = folder, free_port()
        files = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        for name in filter(None, files.stdout.split("\0")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name, follow_symlinks=False)
        self.plugin = runs("docker", "compose", "version")
        text = (folder / "docker-compose.yml").read_text()
        if not self.plugin:  # the older docker-compose knows no `name:`
            text = re.sub(r"^name: .*\n", "", text, flags=re.M)
        # Where registries of packages are reached as this machine does.
        text = re.sub(r"(build: \{context: \.)", r"\1, network: host", text)
        (folder / "docker-compose.yml").write_text(text)
        (folder / "mine").mkdir()
        (folder / "mine" / "iris.toml").write_text(study)
        chosen = {"COMPOSE_PROFILES": "cpu", "STUDY_FOLDER": "./mine", "STUDY_FILE": "iris.toml"}
        settings = (folder / ".env.example").read_text()
        for name, value in {**chosen, "DASHBOARD_PORT": self.port}.items():
            settings = re.sub(rf"^{name}=.*$", f"{name}={value}", settings, flags=re.M)
        (folder / ".env").write_text(settings)

    def run(self, *arguments: str, typed: str = "", check: bool = True) -> str:
        """Run docker compose; return what it printed on standard output."""
        own = ["docker", "compose"] if self.plugin else ["docker-compose"]
        answer = subprocess.run(
            [*own, "--project-name", PROJECT, *arguments],
            cwd=self.folder, env={**os.environ, "COMPOSE_PROFILES": "cpu"},
            input=typed, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert not check or answer.returncode == 0, answer.stdout[-5000:] + answer.stderr[-5000:]
        return answer.stdout

    def inside(self, service: str, *command: str, typed: str = "", check: bool = True) -> str:
        """Run a command in a service's container."""
        return self.run("exec", "-T", service, *command, typed=typed, check=check)

    def asked(self, method: str, path: str, login: str) -> tuple[int, bytes]:
        """Ask the dashboard at its published port."""
        token = base64.b64encode(login.encode()).decode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            headers={"Authorization": f"Basic {token}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:  # not yet there
            return 0, b""

    def json(self, *command: str) -> Any:
        """The answer to a question as JSON, from the dashboard's container, which only reads."""
        printed = self.inside("dashboard", "studyhall", *command, "--json", check=False)
        return json.loads(printed) if printed.strip() else None

    def trials(self) -> dict[int, dict[str, Any]]:
        """The trials that have ended, by number."""
        found = self.json("trials", "iris") or []
        return {each["trial"]: each for each in found if each["state"] == "complete"}


def wait_for(condition: Callable[[], Any], what: str, compose: Compose) -> Any:
    """Wait until a condition gives anything, and return it."""
    deadline = time.monotonic() + WAIT_S
    while not (found := condition()):
        assert time.monotonic() < deadline, what + compose.run("logs", "--tail=50", check=False)
        time.sleep(1)
    return found


@pytest.fixture
def compose(tmp_path: Path, study_file: Callable[..., str]) -> Iterator[Compose]:
    if not runs("docker", "info"):
        pytest.skip("no container engine answers")
    study = {"name": "iris", "trials": TRIALS}
    epochs = {"epochs": 1500, "patience": "none"}  # long enough to be killed in one
    made = Compose(tmp_path, study_file(study=study, training=epochs, search={"pruner": "none"}))
    made.run("down", "--volumes", check=False)
    yield made
    made.run("down", "--volumes", "--rmi", "local", check=False)


def test_the_readmes_way_from_nothing_to_a_proven_model(compose: Compose) -> None:
    compose.run("build")
    compose.run("up", "-d")
    viewer = "viewer:" + wait_for(
        lambda: compose.inside("dashboard", "cat", "/secrets/service/viewer", check=False),
        "no password of the viewer",
        compose,
    )
    add = ("studyhall", "users", "add", "ann", "--role", "admin", "--password-stdin")
    users = ("--users", "/secrets/service/users.json")
    compose.inside("dashboard", *add, *users, typed=f"{PASSWORD}\n")

    def listed() -> Any:
        status, body = compose.asked("GET", "/api/studies", viewer)
        return json.loads(body)["study_summaries"] if status == 200 else None

    (study,) = wait_for(listed, "no study in the dashboard", compose)
    page = f"/api/studies/{study['study_id']}"
    assert compose.asked("GET", page, f"viewer:{PASSWORD}")[0] == 401
    assert compose.asked("GET", "/healthz", "")[0] == 200
    for login, refusal in ((viewer, b"expected an admin"), (f"ann:{PASSWORD}", b"read-only")):
        status, said = compose.asked("DELETE", page, login)
        assert status == 403 and (refusal in said or b"read-only" in said), said

    # A worker dies in a trial: its container begins again, and goes on with it.
    wait_for(lambda: _under_way(compose), "no trial began", compose)
    compose.inside("worker-cpu", "python", "-c", KILL, check=False)
    taken = wait_for(
        lambda: [each for each in compose.trials().values() if each["attempt"] > 1],
        "no killed trial was taken over",
        compose,
    )
    assert taken

    # Down and up again: nothing is lost, and the study ends with what it was to have.
    before = compose.trials()
    compose.run("down")
    compose.run("up", "-d")
    wait_for(listed, "no study after the second start", compose)
    after = compose.trials()
    assert {number: after[number]["value"] for number in before} == {
        number: each["value"] for number, each in before.items()
    }
    best = wait_for(lambda: _proven(compose), "no proven model", compose)
    status = compose.json("status", "iris")
    assert (status["finished"], status["left"]) == (TRIALS, 0)
    assert min(each["value"] for each in compose.trials().values()) == best["value"]
    _check_files(compose, page, viewer)


def _under_way(compose: Compose) -> bool:
    found = compose.json("trials", "iris") or []
    return any(each["state"] == "running" and each["epochs"] > 10 for each in found)


def _proven(compose: Compose) -> Any:
    found = compose.json("best", "iris") if compose.trials() else None
    return found if found and found["proof"] and not found["missing"] else None


def _check_files(compose: Compose, page: str, viewer: str) -> None:
    """Check that files are the images' user's alone, and that the dashboard serves the model."""
    lines = compose.inside("dashboard", "find", "/var/lib/studyhall", "-printf", "%m %U %y %P\n")
    modes = {tuple(line.split()[:3]) for line in lines.splitlines() if line.endswith(".keras")}
    assert modes == {("600", "10001", "f")}, lines
    shown = json.loads(compose.asked("GET", page, viewer)[1])
    (model,) = (each for each in shown["artifacts"] if each["filename"] == "iris.keras")
    address = f"/artifacts/{page.rpartition('/')[2]}/{model['artifact_id']}"
    status, content = compose.asked("GET", address, viewer)
    assert status == 200 and content.startswith(b"PK")
