"""The CPU time of short commands against `optuna --version`, and the time to the first epoch.

    python benchmarks/startup.py [--only NAME ...] [--times N] [--json FILE]

Every command runs several times on a small study that is made here, in turns with `optuna
--version`; a ratio is the median of ours / that of Optuna's, in CPU time of the whole process.
`first_epoch_s` is the wall clock from `studyhall launch recipes/digits.toml` to its first epoch in
the database. Exits with 1 if a target is missed.
"""

import argparse
import json
import os
import platform
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
HERE = Path(sys.executable).parent
NAME = "startup"
STUDY = f"""
[study]
name = "{NAME}"
trials = 6
[data]
source = "sklearn:iris"
[training]
epochs = 5
[space]
learning_rate = {{ low = 1e-3, high = 1e-1, log = true }}
width = {{ low = 8, high = 32 }}
"""
COMMANDS = {
    "version": ["--version"],
    "help": ["--help"],
    "status": ["status"],
    "trials": ["trials", NAME],
    "best": ["best", NAME],
    "doctor": ["doctor", NAME],
    "stop": ["stop", NAME],
    "report": ["report", NAME, "--output", "report.html"],
}
FIRST_EPOCH = "first_epoch_s"
MOST = 1.2  # of the CPU time of `optuna --version`
MOST_ABOVE_S = 1.5  # CPU seconds above it that a report may take
DEADLINE_S = 300.0


def main() -> int:
    """Measures what is asked for and prints it with its verdicts."""
    options = _options()
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    wanted = options.only or [*COMMANDS, FIRST_EPOCH]
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        if commands := [name for name in wanted if name in COMMANDS]:
            found |= _commands(commands, Path(folder), options.times)
        if FIRST_EPOCH in wanted:
            found[FIRST_EPOCH] = _first_epoch_s(Path(folder), options.times)
            print(f"first epoch of recipes/digits.toml after {found[FIRST_EPOCH]:.1f} s")
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=2))
    return int(not all(_is_met(name, each) for name, each in found.items()))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [*COMMANDS, FIRST_EPOCH]
    parser.add_argument("--only", action="append", choices=names, help="may be repeated")
    parser.add_argument("--times", type=int, default=5, help="how often each runs")
    parser.add_argument("--json", metavar="FILE", help="write the numbers there")
    return parser.parse_args()


def _commands(names: list[str], folder: Path, times: int) -> dict[str, Any]:
    """CPU seconds of each against Optuna's, all of them in turns."""
    _make_study(folder)
    seconds: dict[str, list[float]] = {name: [] for name in ["optuna", *names]}
    for _ in range(times):
        for name in names:
            seconds["optuna"].append(_cpu_s([HERE / "optuna", "--version"], folder))
            seconds[name].append(_cpu_s([HERE / "studyhall", *COMMANDS[name]], folder))
    theirs = median(seconds["optuna"])
    print(f"optuna --version: {theirs:.2f} CPU s\n")
    found = {name: _compared(name, median(seconds[name]), theirs) for name in names}
    for name, each in found.items():
        verdict = "ok" if _is_met(name, each) else "MISSED"
        print(f"{name:8} {median(seconds[name]):5.2f} CPU s  × {each['cpu_ratio']:.2f}  {verdict}")
    return found


def _compared(name: str, ours: float, theirs: float) -> dict[str, float]:
    above = {"cpu_s_above": ours - theirs} if name == "report" else {}
    return {"cpu_ratio": ours / theirs, **above}


def _is_met(name: str, measured: Any) -> bool:
    if name == FIRST_EPOCH:
        return True  # depends on the machine
    if name == "report":
        return bool(measured["cpu_s_above"] <= MOST_ABOVE_S)
    return bool(measured["cpu_ratio"] <= MOST)


def _make_study(folder: Path) -> None:
    (folder / "startup.toml").write_text(STUDY)
    _cpu_s([HERE / "studyhall", "launch", "startup.toml", "--quiet"], folder)


def _cpu_s(command: list[str | Path], folder: Path) -> float:
    """CPU seconds of a process and its children, which must end well."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, env=_environment(), check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _first_epoch_s(folder: Path, times: int) -> float:
    return median(_launched_s(folder / f"launch-{number}") for number in range(times))


def _launched_s(folder: Path) -> float:
    """Seconds from the start of a launch until its database holds an epoch."""
    folder.mkdir()
    shutil.copy(ROOT / "recipes" / "digits.toml", folder)
    began = time.monotonic()
    command = [HERE / "studyhall", "launch", "digits.toml", "--workers", "1"]
    with (folder / "out").open("wb") as out:
        running = subprocess.Popen(
            command, cwd=folder, env=_environment(), stdout=out, stderr=subprocess.STDOUT
        )
    while not _epochs(folder / "studyhall.db"):
        if running.poll() is not None or time.monotonic() > began + DEADLINE_S:
            raise SystemExit(f"no epoch came:\n{(folder / 'out').read_text()}")
        time.sleep(0.02)
    seconds = time.monotonic() - began
    for _ in range(2):  # the second one: at once
        running.send_signal(signal.SIGINT)
        time.sleep(0.5)
    running.wait()
    return seconds


def _epochs(database: Path) -> int:
    if not database.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT count(*) FROM studyhall_history").fetchone()[0])
    except sqlite3.Error:  # its tables are being made
        return 0


def _environment() -> dict[str, str]:
    named = ("STUDYHALL_STORAGE", "STUDYHALL_STORAGE_FILE")
    return {name: value for name, value in os.environ.items() if name not in named}


if __name__ == "__main__":
    sys.exit(main())
