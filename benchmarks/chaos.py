"""Kills workers of a real study at random moments, and counts what that has cost.

    python benchmarks/chaos.py --minutes M --workers W [--on ray] [--storage URL] [--json FILE]

The workers are the command's own, on small Keras models of the digits; whoever is killed is
replaced at once. With `--on ray` they are those of a launch on a Ray cluster of this machine, with
a PostgreSQL server of its own, and whole nodes are killed too. When the time is up, what has been
begun is trained to its end in peace. Exits with 1 if a result was lost or is there twice, if a
curve has a gap, or if more or fewer trials were run than the budget says.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from contextlib import ExitStack, closing, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # for `benchmarks`, from wherever it is run

from benchmarks import chaos_ray  # noqa: E402
from benchmarks.chaos_workers import PEACE_S, Crew, Local  # noqa: E402
from studyhall.search.study import creation, inspection  # noqa: E402
from studyhall.search.study_file import config  # noqa: E402
from studyhall.storage.database import Database  # noqa: E402
from studyhall.storage.queries import records, status  # noqa: E402
from studyhall.storage.studies import studies  # noqa: E402
from studyhall.storage.studies.rows import Study  # noqa: E402

POLL_S = 0.1

FILE = """
[study]
name = "chaos"
trials = 1000000
seed = 1
artifacts = "{folder}/artifacts"
[data]
source = "sklearn:digits"
[training]
epochs = {epochs}
patience = "none"
checkpoint_every_s = 0
checkpoint_every_epochs = 5
[search]
sampler = "random"
pruner = "none"
[space]
width = {{ low = 16, high = 64 }}
dropout = {{ low = 0.0, high = 0.5 }}
learning_rate = {{ low = 1e-4, high = 1e-1, log = true }}
[workers]
heartbeat = 1.0
silence = 5.0
retries = 1000
"""


@dataclass
class Result:
    """The result of a run.

    Attributes:
        trials: results; `budget`: how many there must be.
        kills: of workers; `node_kills`: of nodes; `takeovers`: how many.
        lost: trials begun without a result; `doubled`: with more than one.
        gaps: results whose curve misses an epoch, has one twice, or is not its value's.
        repeated_s: seconds of training done twice; `trained_s`: in workers' hands, these included.
    """

    trials: int
    budget: int
    kills: int
    node_kills: int
    takeovers: int
    lost: int
    doubled: int
    gaps: int
    repeated_epochs: int
    repeated_s: float
    trained_s: float
    minutes: float


def main() -> int:
    """Kills, waits, counts, tells."""
    options = _options()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        on_ray = options.on == "ray"
        own = chaos_ray.database() if on_ray else nullcontext(f"sqlite:///{folder}/chaos.db")
        url = options.storage or stack.enter_context(own)
        db = stack.enter_context(closing(Database.open(url)))
        study = _create(db, folder, options.epochs)
        kind = chaos_ray.OnRay if on_ray else Local
        result = run(db, study, kind(folder, url, options.workers), options)
    print(f"{platform.platform()}, {os.cpu_count()} cores, {db.kind}")
    for key, value in asdict(result).items():
        print(f"{key:16} {value:10.6g}")
    if options.json:
        Path(options.json).write_text(json.dumps(asdict(result), indent=2))
    wrong = result.lost + result.doubled + result.gaps + abs(result.trials - result.budget)
    return int(wrong > 0)


def run(db: Database, study: Study, workers: Crew, options: argparse.Namespace) -> Result:
    """One run from its first worker to its last."""
    began = time.monotonic()
    try:
        while time.monotonic() < began + 60 * options.minutes:
            workers.tend()
            held = [one for one in status.status(db, study).running if one.held]
            workers.kill({one.pid: one.epoch for one in held})
            time.sleep(POLL_S)
        _in_peace(db, study, workers)
    finally:
        workers.end()
    return count(db, study, options.epochs, workers, (time.monotonic() - began) / 60)


def count(db: Database, study: Study, epochs: int, workers: Crew, minutes: float) -> Result:
    """Count the results at the end, one row per number."""
    state, trials = status.status(db, study), records.trials(db, study)
    numbers = [trial.number for trial in trials if trial.state == "COMPLETE"]
    return Result(
        trials=len(numbers),
        budget=state.limit,
        kills=workers.kills,
        node_kills=workers.node_kills,
        takeovers=state.takeovers,
        lost=state.used - len(set(numbers)),
        doubled=len(numbers) - len(set(numbers)),
        gaps=sum(not _is_whole(db, trial, epochs) for trial in trials),
        repeated_epochs=state.repeated_epochs,
        repeated_s=state.repeated_s,
        trained_s=sum(trial.gpu_seconds_used for trial in trials),
        minutes=minutes,
    )


def _in_peace(db: Database, study: Study, workers: Crew) -> None:
    """No new trials: those that were begun end."""
    studies.set_limits(db, study, trials=status.status(db, study).used)
    deadline = time.monotonic() + PEACE_S
    workers.tend()
    while status.status(db, study).running and time.monotonic() < deadline:
        time.sleep(POLL_S)
    workers.join()


def _is_whole(db: Database, trial: records.TrialRecord, epochs: int) -> bool:
    rows = records.history(db, trial.trial_id)
    least = min((row["value"] for row in rows), default=None)
    return [row["epoch"] for row in rows] == [*range(1, epochs + 1)] and least == trial.value


def _create(db: Database, folder: Path, epochs: int) -> Study:
    path = folder / "chaos.toml"
    path.write_text(FILE.format(folder=folder, epochs=epochs))
    file = config.load(path)
    return creation.create(db, file, folder, inspection.inspect(file, path))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, required=True, help="of killing")
    parser.add_argument("--workers", type=int, required=True, help="at any moment")
    parser.add_argument("--on", choices=["ray"], help="a cluster of this machine")
    parser.add_argument("--storage", metavar="URL", help="a database without this study")
    parser.add_argument("--epochs", type=int, default=200, help="of each trial")
    parser.add_argument("--json", metavar="FILE", help="write the numbers there")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
