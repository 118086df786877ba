"""The quality of searches at equal wall time: studyhall against its peers, live.

    python benchmarks/quality.py [--task NAME]… [--peer NAME]… [--seeds N] [--workers 1|8]
                                 [--seconds S] [--folder DIR] [--json FILE] [--show] [--markdown]

All search the same space for the same model on the same data, with the same batches, patience and
measure: the data's loss on the validation set, without penalties. A seed decides the split as well.
studyhall is a `studyhall launch` with its defaults, its start-up counted; the imports of peers are
not. In the end each one's best model is scored on the test set. Every search is a process of its
own; the results are lines in DIR, and a search that is there is not run again: interrupt it and go
on whenever you like. `--show` prints what is there. Syne Tune and SMAC need `make peers` first.
"""

import argparse
import contextlib
import itertools
import json
import os
import platform
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # for `benchmarks`, from wherever it is run

from benchmarks import quality_studyhall, quality_summary  # noqa: E402
from benchmarks.quality_run import APART_PYTHON  # noqa: E402
from benchmarks.quality_search import APART, PEERS  # noqa: E402
from benchmarks.quality_summary import Result, key  # noqa: E402
from benchmarks.quality_tasks import LIVE, TASKS  # noqa: E402

CONTESTANTS = (quality_studyhall.NAME, *PEERS)
GRACE_S = 300  # besides the time of the search: for imports, and for the test


def main() -> int:
    """Run what is missing, and print what is there."""
    options = _options()
    options.folder.mkdir(parents=True, exist_ok=True)
    path = options.folder / "results.jsonl"
    failed = 0
    for wanted in [] if options.show else _wanted(options):
        if key(wanted) not in map(key, quality_summary.read(path)):
            failed += not _ran(wanted, path)
    known = [one for one in quality_summary.read(path) if _is_asked_for(one, options)]
    print((quality_summary.markdown if options.markdown else quality_summary.text)(known))
    if options.json:
        options.json.write_text(json.dumps(quality_summary.numbers(known), indent=2))
    return int(failed > 0)


def _options() -> argparse.Namespace:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", action="append", choices=TASKS, help="may be repeated")
    parser.add_argument("--peer", action="append", choices=CONTESTANTS, help="may be repeated")
    parser.add_argument("--seeds", type=int, default=10, metavar="N", help="10")
    parser.add_argument("--seconds", type=float, metavar="S", help="of a search; the task's own")
    parser.add_argument("--workers", type=int, default=1, help="processes; 1")
    parser.add_argument("--folder", type=Path, default=Path("quality"), metavar="DIR")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there")
    parser.add_argument("--show", action="store_true", help="run nothing")
    parser.add_argument("--markdown", action="store_true", help="print tables for a document")
    return parser.parse_args()


def _wanted(options: argparse.Namespace) -> list[Result]:
    """Return the searches to run: all contestants with a seed before the next seed."""
    peers = options.peer or CONTESTANTS
    if missing := [peer for peer in peers if peer in APART and not APART_PYTHON.exists()]:
        print(f"left out without `make peers`: {', '.join(missing)}", file=sys.stderr)
    return [
        {
            "task": task,
            "peer": peer,
            "seed": seed,
            "workers": options.workers,
            "seconds": options.seconds or TASKS[task].seconds,
        }
        for seed, task, peer in itertools.product(range(options.seeds), options.task or LIVE, peers)
        if peer not in missing
    ]


def _is_asked_for(one: Result, options: argparse.Namespace) -> bool:
    return (
        one["workers"] == options.workers
        and one["seed"] < options.seeds
        and one["task"] in (options.task or TASKS)
        and one["peer"] in (options.peer or CONTESTANTS)
        and one["seconds"] == (options.seconds or TASKS[one["task"]].seconds)
    )


def _ran(wanted: Result, path: Path) -> bool:
    """Run one search in a process group of its own; tell whether it came to a result."""
    name = "-".join(f"{part:g}" if isinstance(part, float) else str(part) for part in key(wanted))
    words = [wanted[word] for word in ("task", "peer", "seed", "workers", "seconds")]
    trials, errors = (path.parent / f"{name}.{kind}" for kind in ("jsonl", "errors"))
    script = Path(__file__).with_name("quality_run.py")
    with errors.open("w") as said:
        process = subprocess.Popen(
            [sys.executable, str(script), *map(str, words), str(trials.resolve())],
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            start_new_session=True,
        )
        answer = _answer(process, wanted["seconds"] + GRACE_S)
    if answer is None:
        print(f"{name} came to nothing: see {errors}", file=sys.stderr, flush=True)
        return False
    errors.unlink()
    about = {**wanted, **json.loads(answer), "made": date.today().isoformat()}
    with path.open("a") as results:
        results.write(json.dumps({**about, **_machine()}) + "\n")
    print(f"{time.strftime('%H:%M')} {name}: {about['value']}", file=sys.stderr, flush=True)
    return True


def _answer(process: subprocess.Popen[str], limit_s: float) -> str | None:
    """Return a process' last line; None if it failed or took too long. Its group is ended."""
    lines: list[str] = []
    try:
        with contextlib.suppress(subprocess.TimeoutExpired):
            lines = process.communicate(timeout=limit_s)[0].splitlines()
    finally:  # interrupted: nothing of the search is left running
        _end(process)
    return lines[-1] if lines and process.returncode == 0 else None


def _end(process: subprocess.Popen[str]) -> None:
    """End a process and its group: a launch, which ends its workers, needs two signals."""
    for number, patience_s in ((signal.SIGTERM, 10), (signal.SIGTERM, 40), (signal.SIGKILL, 5)):
        until = time.monotonic() + patience_s
        try:
            os.killpg(process.pid, number)
            while time.monotonic() < until:
                process.poll()  # a dead one that is not waited for is still of the group
                os.killpg(process.pid, 0)
                time.sleep(0.1)
        except ProcessLookupError:
            return


def _machine() -> Result:
    return {
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "load": os.getloadavg()[1],
    }


if __name__ == "__main__":
    sys.exit(main())
