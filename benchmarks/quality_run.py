"""One search by one contestant, in a process of its own: starts it, times it, has it tested.

    python quality_run.py TASK PEER SEED WORKERS SECONDS TRIALS.jsonl

TRIALS.jsonl gets a line for each trial; stdout one with the result.
"""

import json
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # for `benchmarks`, from wherever it is run

from benchmarks import quality_studyhall  # noqa: E402
from benchmarks.quality_search import APART, FAIL, PRUNED  # noqa: E402
from benchmarks.quality_tasks import TASKS, described  # noqa: E402
from benchmarks.throughput_cases import use_offline_data  # noqa: E402

APART_PYTHON = ROOT / ".venv-peers" / "bin" / "python"  # made by `make peers`

Line = dict[str, Any]


def main(task: str, peer: str, seed: str, workers: str, seconds: str, trials: str) -> None:
    """Run it, write its trials, print its result."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        use_offline_data(folder)
        run = quality_studyhall.run if peer == quality_studyhall.NAME else _peer
        lines, test = run(task, peer, int(seed), int(workers), float(seconds), folder)
    lines = with_best(lines)
    Path(trials).write_text("".join(json.dumps(line) + "\n" for line in lines))
    print(json.dumps(summary(lines, test)))


def with_best(lines: Iterable[Line]) -> list[Line]:
    """Return trials in the order of their ends, each with the best value so far and its values.

    A pruned trial counts as well: its best epoch was measured.
    """
    best, winner, found = math.inf, None, []
    for line in sorted(lines, key=lambda line: line["at"]):
        if line["state"] != FAIL and line["value"] is not None and line["value"] < best:
            best, winner = line["value"], line["values"]
        found.append({**line, "best": best if winner else None, "winner": winner})
    return found


def summary(lines: Sequence[Line], test: Line) -> Line:
    """Return what of a search is compared."""
    steps, before = [], math.inf
    for line in lines:
        if line["best"] is not None and line["best"] < before:
            before = line["best"]
            steps.append([round(line["at"], 3), before])
    states = [line["state"] for line in lines]
    counts = {"trials": len(lines), "pruned": states.count(PRUNED), "failed": states.count(FAIL)}
    return {"steps": steps, **counts, "winner": lines[-1]["winner"] if lines else None, **test}


def _peer(
    task: str, peer: str, seed: int, workers: int, seconds: float, folder: Path
) -> tuple[list[Line], Line]:
    """Run the search of a peer, and the processes that train for it."""
    space, address = folder / "space.json", str(folder / "socket")
    space.write_text(json.dumps(described(TASKS[task].search_space())))
    epochs = str(TASKS[task].epochs)
    python = str(APART_PYTHON) if peer in APART else sys.executable
    search = _start(
        python, "quality_search.py", peer, str(space), str(seed), epochs, str(workers), address
    )
    keeps = "keeps" if peer == "kerastuner-hyperband" else "forgets"
    about = (task, str(seed), str(seconds), address, str(folder))
    try:
        _await(search)
        trainings = [
            _start(sys.executable, "quality_training.py", *about, str(number), keeps)
            for number in range(workers)
        ]
        return _trained(trainings, search)
    finally:
        search.kill()
        search.wait()


def _trained(
    trainings: Sequence[subprocess.Popen[str]], search: subprocess.Popen[str]
) -> tuple[list[Line], Line]:
    for training in trainings:
        _await(training)
    began = time.time()
    for training in trainings:
        assert training.stdin
        print(began, file=training.stdin, flush=True)
    threading.Thread(target=_end_with, args=(search, trainings), daemon=True).start()
    outputs = [training.communicate()[0].splitlines() for training in trainings]
    if any(training.returncode for training in trainings):
        raise SystemExit("a training process died")
    lines = [json.loads(line) for output in outputs for line in output[:-1]]
    tests: list[Line] = [json.loads(output[-1]) for output in outputs]
    known = [test for test in tests if test["value"] is not None]
    return lines, min(known, key=lambda test: float(test["value"]), default={"value": None})


def _end_with(search: subprocess.Popen[str], trainings: Iterable[subprocess.Popen[str]]) -> None:
    """End the trainings if the search dies, which they would wait for."""
    if search.wait() > 0:
        for training in trainings:
            training.kill()


def _start(python: str, script: str, *words: str) -> subprocess.Popen[str]:
    threads = {"OMP_NUM_THREADS": str(len(os.sched_getaffinity(0)))}
    return subprocess.Popen(
        [python, str(Path(__file__).with_name(script)), *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**threads, **os.environ},
    )


def _await(process: subprocess.Popen[str]) -> None:
    assert process.stdout
    for line in process.stdout:  # libraries may print before
        if line.strip() == "ready":
            return
    raise SystemExit(f"{Path(str(process.args[1])).name} died")  # type: ignore[index]


if __name__ == "__main__":
    main(*sys.argv[1:])
