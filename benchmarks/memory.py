"""A worker's memory over many trials of mixed architectures: does it stay flat?

    python benchmarks/memory.py [--trials N] [--json FILE]

A worker process trains on the digits: mlp and cnn, of many depths, widths, activations, batch sizes
and optimizers, drawn at random, so that compiled models are made, used again and dropped all the
time. It is never recycled. Exits with 1 if its resident memory after the warm-up
ever differs by more than 10 % from what it was then.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # for `benchmarks`, from wherever it is run

import psutil  # noqa: E402

from studyhall.search.study import creation, inspection  # noqa: E402
from studyhall.search.study_file import config  # noqa: E402
from studyhall.storage.database import Database  # noqa: E402
from studyhall.storage.queries import status  # noqa: E402
from studyhall.storage.studies.rows import Study  # noqa: E402

POLL_S = 0.2
WARM_UP = 0.2  # of the trials
FLAT = 0.1

STUDY = """
[study]
name = "mixed"
trials = {trials}
artifacts = "{folder}/artifacts"
[data]
source = "sklearn:digits"
samples = 600
[model]
family = "mixed.py:build"
[training]
epochs = 3
[search]
sampler = "random"
first = "none"
[workers]
recycle_trials = "none"
[space]
family = ["mlp", "cnn"]
depth = {{ low = 1, high = 3 }}
width = {{ low = 4, high = 96, log = true }}
convolutions = [1]
head_width = [0, 16]
activation = ["relu", "tanh", "elu", "prelu", "gelu"]
batch_norm = [false, true]
dropout = [0.0, 0.2, 0.5]
l2 = {{ low = 1e-6, high = 1e-2, log = true }}
optimizer = ["sgd", "momentum", "nesterov", "adagrad", "adadelta", "rmsprop", "adam", "adamw"]
learning_rate = {{ low = 1e-3, high = 1e-1, log = true }}
decay = ["none", "exponential", "plateau"]
batch_size = [16, 32, 64, 128]
"""

BUILDER = """
from studyhall.spaces import architecture

def build(trial, input_shape, outputs):
    family = trial.params["family"]
    return architecture.build(family, trial.params, input_shape, outputs, "multiclass")
"""


def main() -> int:
    """Runs the trials, prints the memory every tenth of them, and the verdict."""
    options = _options()
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as folder:
        mib = _measure(Path(folder), options.trials)
    warm = mib[int(len(mib) * WARM_UP) :]
    lowest, highest = (edge(warm) / warm[0] - 1 for edge in (min, max))
    flat = max(highest, -lowest) <= FLAT
    print(f"after the warm-up {warm[0]:.0f} MiB, since then {lowest:+.1%} to {highest:+.1%}")
    print("flat" if flat else f"NOT flat within {FLAT:.0%}")
    if options.json:
        Path(options.json).write_text(json.dumps({"mib": mib, "flat": flat}))
    return int(not flat)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--json", metavar="FILE", help="write MiB after each trial there")
    return parser.parse_args()


def _measure(folder: Path, trials: int) -> list[float]:
    """Resident memory after each trial, in MiB."""
    url = f"sqlite:///{folder}/studyhall.db"
    db = Database.open(url)
    study = _create(db, folder, trials)
    mib: list[float] = []
    command = [sys.executable, "-P", "-m", "studyhall", "worker", study.name, "--storage", url]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as worker:
        memory = psutil.Process(worker.pid)
        while len(mib) < trials and worker.poll() is None:
            time.sleep(POLL_S)
            now, counts = memory.memory_info().rss / 2**20, status.status(db, study).counts
            finished = sum(counts.values()) - counts.get("RUNNING", 0)
            if finished * 20 // trials > len(mib) * 20 // trials:
                print(f"{finished:5} trials, {now:.0f} MiB", flush=True)
            mib += [now] * (finished - len(mib))
    if worker.returncode:
        raise SystemExit(f"the worker ended with {worker.returncode}")
    return mib


def _create(db: Database, folder: Path, trials: int) -> Study:
    (folder / "mixed.py").write_text(BUILDER)
    path = folder / "study.toml"
    path.write_text(STUDY.format(trials=trials, folder=folder))
    file = config.load(path)
    return creation.create(db, file, folder, inspection.inspect(file, path))


if __name__ == "__main__":
    sys.exit(main())
