"""One reader in a process of its own, for `benchmarks/reading.py`.

    python benchmarks/reading_process.py NAME READER FOLDER

Prints JSON: CPU and wall-clock seconds, and the MiB that reading adds to the process at its peak.
Imports are made before, and count for nothing.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # for `benchmarks`, from wherever it is run

from benchmarks.reading_data import SIDE, TARGET  # noqa: E402

Read = Callable[[], object]


def _studyhall(name: str, folder: Path) -> Read:
    import scipy.stats  # noqa: F401

    from studyhall.search.data.sources import reading
    from studyhall.search.study_file.input_sections import DataSection

    target = None if name == "pictures" else TARGET
    section = DataSection(source=name, target=target)
    return lambda: reading.read(section, folder)


def _pandas(name: str, folder: Path) -> Read:
    import pandas as pd
    import pyarrow.parquet  # noqa: F401

    read = pd.read_csv if name.endswith("csv") else pd.read_parquet
    return lambda: read(folder / name)


def _keras(name: str, folder: Path) -> Read:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras

    def read() -> int:
        size = (SIDE, SIDE)
        found = keras.utils.image_dataset_from_directory(
            folder / name, image_size=size, shuffle=False, verbose=False
        )
        return sum(len(x) for x, _ in found)

    return read


READERS: dict[str, dict[str, Callable[[str, Path], Read]]] = {
    "table.csv": {"studyhall": _studyhall, "pandas": _pandas},
    "table.parquet": {"studyhall": _studyhall, "pandas": _pandas},
    "pictures": {"studyhall": _studyhall, "keras": _keras},
}


def measured(read: Read) -> dict[str, float]:
    """Reads, and returns what that took."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew, at what is held now
    before, cpu, wall = _peak_mib(), time.process_time(), time.perf_counter()
    kept = read()
    taken = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
    del kept
    return {**taken, "mib": _peak_mib() - before}


def _peak_mib() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    _name, _reader, _folder = sys.argv[1:]
    print(json.dumps(measured(READERS[_name][_reader](_name, Path(_folder)))))
