"""The cost of a trial: studyhall against KerasTuner, plain Optuna, and a loop over Keras' fit.

    python benchmarks/throughput.py [--only NAME] [--trials N] [--json FILE]

All four train the same configurations on the same data, each in a process of its own, taking turns
trial by trial, so that whatever else the machine does meets them alike. Imports and reading the
data are not counted; storage, reports, checkpoints and kept models are. A ratio is their wall time
over ours; the losses beside it show that the work was the same, though not the order of samples.
Trials of minutes (`--only long-mlp`, `--only long-cnn`) run when they are asked for.
Exits with 1 if a target is missed.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # for `benchmarks`, from wherever it is run

from benchmarks import throughput_cases as cases  # noqa: E402

Took = dict[str, float]  # wall and CPU seconds, best validation loss


def main() -> int:
    """Measures what is asked for and prints it with its verdicts."""
    options = _options()
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        cases.use_offline_data(Path(folder))
        for name in options.only or _short():
            found[name] = _summary(_measure(name, Path(folder), options.trials))
            _show(name, found[name])
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=2))
    return int(any(_missed(name, found[name]["ratios"]) for name in found))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=cases.CASES, help="may be repeated")
    parser.add_argument("--trials", type=int, help="only the first so many configurations")
    parser.add_argument("--json", metavar="FILE", help="write the numbers there")
    return parser.parse_args()


def _short() -> list[str]:
    return [name for name, case in cases.CASES.items() if not case.long]


def _measure(name: str, folder: Path, trials: int | None) -> dict[str, list[Took]]:
    """Every peer's trials, in turns."""
    peers = ("studyhall", *cases.CASES[name].peers)
    started = {peer: _start(peer, name, folder) for peer in peers}
    took: dict[str, list[Took]] = {peer: [] for peer in peers}
    try:
        for process in started.values():
            _read(process)
        for number in range(len(cases.CASES[name].configurations()[:trials])):
            for peer, process in started.items():
                assert process.stdin
                print(number, file=process.stdin, flush=True)
                took[peer].append(json.loads(_read(process)))
            _progress(number, {peer: took[peer][-1] for peer in peers})
    finally:
        for process in started.values():
            process.kill()
            process.wait()
    return took


def _start(peer: str, case: str, folder: Path) -> subprocess.Popen[str]:
    own = folder / f"{case}-{peer}"
    own.mkdir()
    script = Path(__file__).with_name("throughput_peers.py")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with (own / "errors").open("w") as errors:
        command = [sys.executable, str(script), peer, case, str(own)]
        return subprocess.Popen(command, stderr=errors, **pipes)  # type: ignore[call-overload]


def _read(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    line = process.stdout.readline()
    if not line:
        errors = Path(str(process.args[-1])) / "errors"  # type: ignore[index]
        raise SystemExit(f"{errors.parent.name} died:\n{errors.read_text()[-3000:]}")
    return line


def _progress(number: int, took: dict[str, Took]) -> None:
    walls = "  ".join(f"{peer} {it['wall']:.2f} s" for peer, it in took.items())
    print(f"  trial {number}: {walls}", file=sys.stderr, flush=True)


def _summary(took: dict[str, list[Took]]) -> dict[str, dict[str, float]]:
    """Means per trial, and ratios of the whole."""
    summary: dict[str, dict[str, float]] = {
        f"{measure}_per_trial": {
            peer: statistics.mean(t[measure] for t in took[peer]) for peer in took
        }
        for measure in ("wall", "cpu")
    }
    summary["val_loss"] = {
        peer: statistics.mean(t["val_loss"] for t in took[peer]) for peer in took
    }
    ours, wall = summary["wall_per_trial"]["studyhall"], summary["wall_per_trial"]
    summary["ratios"] = {peer: wall[peer] / ours for peer in took if peer != "studyhall"}
    return summary


def _show(name: str, summary: dict[str, dict[str, float]]) -> None:
    print(
        f"\n{name}: per trial\n{'':14}{'wall s':>9}{'CPU s':>9}{'ratio':>8}{'target':>8}  val_loss"
    )
    for peer in summary["wall_per_trial"]:
        wall, cpu = summary["wall_per_trial"][peer], summary["cpu_per_trial"][peer]
        ratio, target = summary["ratios"].get(peer), cases.CASES[name].targets.get(peer)
        ratio_text = f"{ratio:.2f}" if ratio else ""
        target_text = f"≥ {target:g}" if target else ""
        loss = summary["val_loss"][peer]
        print(f"{peer:14}{wall:9.2f}{cpu:9.2f}{ratio_text:>8}{target_text:>8}  {loss:.4f}")
    missed = _missed(name, summary["ratios"])
    print(f"MISSED: {', '.join(missed)}" if missed else "all targets met", flush=True)


def _missed(name: str, ratios: dict[str, float]) -> list[str]:
    targets = cases.CASES[name].targets
    return [peer for peer, target in targets.items() if ratios[peer] < target]


if __name__ == "__main__":
    sys.exit(main())
