"""The measurements: one function per row of the storage benchmark's targets."""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import optuna
import sqlalchemy as sa

from benchmarks import storage_filling as filling
from benchmarks import storage_worker as stub
from studyhall.storage.database import Database, Transaction
from studyhall.storage.queries.status import status as read_status
from studyhall.storage.trials.claimed_trial import Claim
from studyhall.storage.trials.trial_store import TrialStore

WORKER = str(Path(stub.__file__))


@dataclass(frozen=True)
class Measure:
    """A number, and the bound that it should keep."""

    name: str
    value: float
    at_most: float | None = None
    at_least: float | None = None

    @property
    def verdict(self) -> str:
        """ "holds" or "MISSED", or nothing where there is no target."""
        if self.at_most is None and self.at_least is None:
            return ""
        low, high = self.at_least or 0.0, self.at_most or float("inf")
        return "holds" if low <= self.value <= high else "MISSED"


@dataclass(frozen=True)
class Place:
    """A place to measure: empty databases of one kind, and how many trials are "many"."""

    kind: str
    new_url: Callable[[], str]
    many: int

    def open(self) -> Database:
        """An empty database."""
        return Database.open(self.new_url())

    def pick(self, sqlite: float, postgres: float) -> float:
        """The target for this kind."""
        return sqlite if self.kind == "sqlite" else postgres


def trial(place: Place) -> list[Measure]:
    """Statements and client CPU of one trial, alone in its study."""
    ours = _cost("ours", place.new_url(), trials=60)
    theirs = _cost("optuna", _for_optuna(place.new_url()), trials=12)
    return [
        Measure("statements_ratio", ours[0] / theirs[0], at_most=place.pick(0.33, 0.15)),
        Measure("cpu_ratio", ours[1] / theirs[1], at_most=place.pick(1 / 20, 1 / 10)),
        Measure("statements", ours[0]),
        Measure("statements_optuna", theirs[0]),
        Measure("cpu_ms", ours[1]),
        Measure("cpu_ms_optuna", theirs[1]),
    ]


def workers(place: Place) -> list[Measure]:
    """Trials a second with 8 workers, and what is left of that with 32."""
    theirs = _throughput("optuna", _for_optuna(place.new_url()), processes=8, seconds=20.0)
    eight = [_throughput("ours", place.new_url(), processes=8, seconds=8.0) for _ in range(2)]
    many = [_throughput("ours", place.new_url(), processes=32, seconds=8.0) for _ in range(2)]
    return [
        Measure("speedup_8", max(eight) / theirs, at_least=place.pick(20, 15)),
        Measure("32_against_8", max(many) / max(eight), at_least=0.7),
        Measure("trials_per_s_8", max(eight)),
        Measure("trials_per_s_32", max(many)),
        Measure("trials_per_s_8_optuna", theirs),
    ]


def prune(place: Place) -> list[Measure]:
    """An epoch's report with its pruning decision, by finished and by running trials."""
    with (
        _filled(place, 1_000, 1) as small,
        _filled(place, place.many, 1) as large,
        _filled(place, 1_000, 128) as busy,
    ):
        few, many, crowded = _epoch_ms((small, large, busy))
    worst = max(few[1], many[1], crowded[1])
    return [
        Measure("decision_ms", worst, at_most=place.pick(0.3, 0.8)),
        Measure("report_and_decision_ms", max(few[0], many[0], crowded[0])),
        Measure("by_finished", many[0] / few[0], at_most=1.3),
        Measure("by_running", crowded[0] / few[0], at_most=1.3),
        Measure("finished", place.many),
    ]


def growth(place: Place) -> list[Measure]:
    """A whole trial in a study of 100 trials and in one of many."""
    with _filled(place, 100) as small, _filled(place, place.many) as large:
        times: dict[bool, list[float]] = {False: [], True: []}
        for _ in range(60):
            for is_large, store in ((False, small), (True, large)):
                started = time.perf_counter()
                _run_trial(store)
                times[is_large].append(time.perf_counter() - started)
    few, many = (statistics.median(times[is_large][5:]) * 1e3 for is_large in (False, True))
    return [
        Measure("ratio", many / few, at_most=1.3),
        Measure("trial_ms_at_100", few),
        Measure("trial_ms_at_many", many),
        Measure("finished", place.many),
    ]


def join(place: Place) -> list[Measure]:
    """CPU of a new worker until it has the hyperparameters of its first trial, after 10,000."""
    db = place.open()
    filling.fill(db, "study", finished=10_000)
    url = db.url.render_as_string(hide_password=False)
    db.close()
    ours, theirs = (_ready_cpu_s(kind, url) for kind in ("ours", "optuna"))
    return [
        Measure("cpu_ratio", ours / theirs, at_most=1 / 8),
        Measure("cpu_s", ours),
        Measure("cpu_s_optuna", theirs),
    ]


def status(place: Place) -> list[Measure]:
    """Measure how long `status` takes."""
    db = place.open()
    study = filling.fill(db, "study", finished=place.many, running=8, reports=False)
    started = time.perf_counter()
    read_status(db, study)
    seconds = time.perf_counter() - started
    db.close()
    return [Measure("seconds", seconds, at_most=1.0), Measure("finished", place.many)]


CASES: dict[str, Callable[[Place], list[Measure]]] = {
    "trial": trial,
    "workers": workers,
    "prune": prune,
    "growth": growth,
    "join": join,
    "status": status,
}


def _for_optuna(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://")


def _cost(kind: str, url: str, trials: int) -> tuple[float, float]:
    """Statements (without BEGIN and COMMIT) and client CPU milliseconds of one trial."""
    running = stub.TRIALS[kind](url, "study")
    for _ in range(6):  # the pruner judges from the sixth on
        next(running)
    started = time.process_time()
    for _ in range(trials):
        next(running)
    cpu_ms = (time.process_time() - started) / trials * 1e3
    with _counting() as statements:
        for _ in range(5):
            next(running)
    return len(statements) / 5, cpu_ms


@contextmanager
def _counting() -> Iterator[list[str]]:
    statements: list[str] = []

    def count(statement: str) -> None:
        if statement.split()[0] not in ("BEGIN", "COMMIT", "ROLLBACK"):
            statements.append(statement)

    def count_theirs(_c: object, _cursor: object, statement: str, *_: object) -> None:
        count(statement)

    def count_ours(transaction: Transaction, statement: str, binds: object = ()) -> None:
        count(statement)
        execute(transaction, statement, binds)

    execute = Transaction.execute  # which goes past SQLAlchemy
    sa.event.listen(sa.Engine, "before_cursor_execute", count_theirs)
    Transaction.execute = count_ours  # type: ignore[method-assign]
    yield statements
    Transaction.execute = execute  # type: ignore[method-assign]
    sa.event.remove(sa.Engine, "before_cursor_execute", count_theirs)


def _throughput(kind: str, url: str, processes: int, seconds: float) -> float:
    """Trials a second of so many processes that start at the same moment."""
    with tempfile.TemporaryDirectory() as folder:
        start = Path(folder) / "start"
        command = [sys.executable, WORKER, kind, url, "study", str(start), str(seconds)]
        next(stub.TRIALS[kind](url, "study"))
        running = [
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            for _ in range(processes)
        ]
        while len(list(Path(folder).iterdir())) < processes:
            if any(process.poll() is not None for process in running):
                raise RuntimeError(f"a worker of {kind} did not come up")
            time.sleep(0.05)
        start.touch()
        results = [json.loads(process.communicate()[0]) for process in running]
    return float(sum(result["trials"] for result in results)) / seconds


def _epoch_ms(stores: Sequence[TrialStore]) -> list[tuple[float, float]]:
    """Median wall milliseconds of report and decision, and of the decision alone, in turns."""
    times: list[list[tuple[float, float]]] = [[] for _ in stores]
    for _ in range(10):
        for store, seen in zip(stores, times, strict=True):
            seen += _epoch_times(store)
    columns = (zip(*seen, strict=True) for seen in times)
    return [(_median_ms(both), _median_ms(alone)) for both, alone in columns]


def _epoch_times(store: TrialStore) -> Iterator[tuple[float, float]]:
    """The seconds of each epoch of a trial: report and decision, and the decision alone."""
    claim = store.claim()
    assert isinstance(claim, Claim)
    stub.suggest(claim.trial)
    store.write_params(claim)
    for epoch in range(1, stub.EPOCHS + 1):
        started = time.perf_counter()
        store.report(claim, epoch, 0.01 / epoch, {"val_loss": 0.5, "loss": 0.25})
        reported = time.perf_counter()
        store.should_prune(claim, epoch)
        ended = time.perf_counter()
        yield ended - started, ended - reported
    store.tell(claim, "COMPLETE", 0.01)


def _median_ms(seconds: Iterable[float]) -> float:
    return statistics.median(seconds) * 1e3


@contextmanager
def _filled(place: Place, finished: int, running: int = 0) -> Iterator[TrialStore]:
    db = place.open()
    filling.fill(db, "study", finished=finished, running=running, reports=False)
    store = stub.make_store(db, "study")
    yield store
    store.close()
    db.close()


def _run_trial(store: TrialStore) -> None:
    claim = store.claim()
    assert isinstance(claim, Claim)
    stub.run_epochs(store, claim)
    store.tell(claim, "COMPLETE", stub.value(claim.number, stub.EPOCHS))


def _ready_cpu_s(kind: str, url: str) -> float:
    """CPU seconds of a fresh process, without imports, until its first trial has its values."""
    program = f"""
import sys, time; sys.argv = [{WORKER!r}]; sys.path.insert(0, {str(Path(WORKER).parents[1])!r})
from benchmarks import storage_worker as stub
optuna = stub.optuna
import alembic.command, sqlalchemy.orm, psycopg, scipy.stats
started = time.process_time()
if {kind!r} == "ours":
    db = stub.Database.open({url!r})
    store = stub.make_store(db, "study", optuna.samplers.TPESampler)
    stub.suggest(store.claim().trial)
else:
    study = optuna.load_study(study_name="study", storage={_for_optuna(url)!r})
    stub.suggest(study.ask())
print(time.process_time() - started, flush=True)
import os; os._exit(0)
"""
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    if run.returncode:
        raise RuntimeError(run.stderr)
    return float(run.stdout)


def quiet() -> None:
    """Keeps Optuna from telling of every trial."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
