"""The best number of threads for a worker, by trials per minute of real worker processes.

    python benchmarks/threads.py [--only NAME] [--workers N ...] [--threads N ...] [--json FILE]

For each number of workers and of threads (TF_NUM_INTRAOP_THREADS), workers run the same queue of
configurations of `throughput_cases.py` on one SQLite study. Imports, reading the data and each
worker's first trial are not counted. `search/process/threads.py` holds what came of it.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections import defaultdict
from itertools import cycle, islice, product
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # for `benchmarks`, from wherever it is run

from benchmarks import throughput_cases as cases  # noqa: E402
from studyhall.search.study import creation, inspection  # noqa: E402
from studyhall.search.study_file import config  # noqa: E402
from studyhall.storage.database import Database  # noqa: E402
from studyhall.storage.queries import records  # noqa: E402
from studyhall.storage.studies import studies  # noqa: E402
from studyhall.storage.studies.rows import Queued  # noqa: E402

TRIALS = {"digits-mlp": 24, "fashion-cnn": 5}  # of each worker


def main() -> None:
    """Measures what is asked for and prints a line for each."""
    options = _options()
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print("trials per minute, all workers together\n")
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        cases.use_offline_data(Path(folder))
        for name in options.only or TRIALS:
            found[name] = {}
            for workers, threads in product(options.workers, options.threads):
                place = Path(folder) / f"{name}-{workers}-{threads}"
                rate = _rate(name, place, workers, threads)
                found[name][f"{workers} × {threads}"] = rate
                print(f"{name}: {workers} workers × {threads} threads: {rate:.1f}", flush=True)
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=2))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=TRIALS, help="may be repeated")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--json", metavar="FILE", help="write the numbers there")
    return parser.parse_args()


def _rate(name: str, folder: Path, workers: int, threads: int) -> float:
    """Trials per minute of so many workers of so many threads."""
    folder.mkdir()
    url = f"sqlite:///{folder}/studyhall.db"
    _create(name, folder, url, TRIALS[name] * workers)
    environment = os.environ | {
        "STUDYHALL_STORAGE": url,
        "TF_NUM_INTRAOP_THREADS": str(threads),
        "CUDA_VISIBLE_DEVICES": "",
    }
    command = [sys.executable, "-P", "-m", "studyhall", "worker", name]
    with (folder / "log").open("w") as log:
        started = [
            subprocess.Popen(command, env=environment, stdout=log, stderr=log)
            for _ in range(workers)
        ]
        codes = [process.wait() for process in started]
    if any(codes):
        raise SystemExit(f"workers ended with {codes}:\n{(folder / 'log').read_text()[-3000:]}")
    return _per_minute(name, url)


def _create(name: str, folder: Path, url: str, trials: int) -> None:
    case, path = cases.CASES[name], folder / "study.toml"
    keys = f'name = "{name}"\ntrials = {trials}\nartifacts = "{folder}/artifacts"'
    text = case.text.replace(f'name = "{name}"', keys)
    path.write_text(text + cases.COMMON.format(epochs=case.epochs))
    file, db = config.load(path), Database.open(url)
    study = creation.create(db, file, folder, inspection.inspect(file, path))
    listed = islice(cycle(case.configurations()), trials)
    queued = [Queued(dict(case.space().params(values))) for values in listed]
    studies.change_config(db, study, study.config, queued)
    db.close()


def _per_minute(name: str, url: str) -> float:
    """Sum over the workers, each from the end of its first trial to that of its last."""
    db = Database.open(url)
    ends = defaultdict(list)
    study = studies.find(db, name)
    assert study is not None
    for trial in records.trials(db, study):
        ends[trial.worker].append(trial.finished_at or 0.0)
    db.close()
    return sum(60 * (len(own) - 1) / (max(own) - min(own)) for own in ends.values())


if __name__ == "__main__":
    main()
