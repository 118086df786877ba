"""Reading of tables and pictures against pandas' and Keras' own readers: time and memory.

    python benchmarks/reading.py [--only NAME ...] [--times N] [--json FILE]

A table of 100,000 rows and 50 columns, of numbers, words, dates and truth values, as CSV and as
Parquet; and 20,000 pictures, JPEG of 32×32 in ten class folders. Each reader runs in a process of
its own, several times in turns with its peer; a ratio is the median of ours / that of the peer.
Memory is the peak of what reading adds to the process. studyhall's reading finds out besides what
each column is, and codes it; and it looks for pictures that repeat others.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

sys.path[0] = str(Path(__file__).resolve().parents[1])  # for `benchmarks`, from wherever it is run

from benchmarks import reading_data, reading_process  # noqa: E402

MEASURES = {"cpu_s": "CPU s", "wall_s": "wall s", "mib": "MiB"}


def main() -> int:
    """Measures what is asked for and prints it."""
    options = _options()
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in options.only or reading_process.READERS:
            reading_data.write(name, Path(folder), options.scale)
            found[name] = _compared(name, Path(folder), options.times)
            print("\n".join(_lines(name, found[name])), flush=True)
    if options.json:
        Path(options.json).write_text(json.dumps(found, indent=2))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [*reading_process.READERS]
    parser.add_argument("--only", action="append", choices=names, help="may be repeated")
    parser.add_argument("--times", type=int, default=3, help="how often each runs")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the rows and pictures")
    parser.add_argument("--json", metavar="FILE", help="write the numbers there")
    return parser.parse_args()


def _compared(name: str, folder: Path, times: int) -> dict[str, dict[str, float]]:
    """Medians of both readers, and their ratios, by measure."""
    runs: dict[str, list[dict[str, float]]] = {each: [] for each in reading_process.READERS[name]}
    for _ in range(times):
        for each in runs:
            runs[each].append(_measured(name, each, folder))
    medians = {
        each: {measure: median(run[measure] for run in of_each) for measure in MEASURES}
        for each, of_each in runs.items()
    }
    ours, theirs = medians.values()
    return {**medians, "ratio": {measure: ours[measure] / theirs[measure] for measure in MEASURES}}


def _measured(name: str, reader: str, folder: Path) -> dict[str, float]:
    command = [sys.executable, reading_process.__file__, name, reader, str(folder)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(answer.stdout.splitlines()[-1]))


def _lines(name: str, found: dict[str, dict[str, float]]) -> list[str]:
    head = f"{name:10}" + "".join(f"{unit:>10}" for unit in MEASURES.values())
    rows = [
        f"  {each:8}" + "".join(f"{value:10.2f}" for value in measured.values())
        for each, measured in found.items()
    ]
    return [head, *rows]


if __name__ == "__main__":
    sys.exit(main())
