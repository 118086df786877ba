"""The documents' own systems, run from `recipes/`: what they print against what comes out here.

    python benchmarks/guide.py [--only NAME …] [--full] [--folder FOLDER] [--json FILE]

Each recipe is launched as a user would, shortened for two CPU cores unless --full is given. Every
fixed trial's best weights and the winner's are then scored on the test set; this is the only place
that does so for more than the winner. The results go into the JSON file, where those of earlier
runs stay, and all of them into docs/explanation/guide.md. In a folder that is kept, what was
interrupted goes on. Data: from $STUDYHALL_DATA where that is set, else fetched by Keras.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # for `benchmarks`, from wherever it is run
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks import guide_data, guide_table  # noqa: E402
from benchmarks.guide_recipes import SYSTEMS, System  # noqa: E402
from studyhall.search.study_file import config, toml_writer  # noqa: E402

RESULTS = ROOT / "docs" / "explanation" / "guide.json"
TABLE = ROOT / "docs" / "explanation" / "guide.md"


def main() -> int:
    """Run, score, remember, write the table."""
    options = _options()
    with tempfile.TemporaryDirectory() as passing:
        folder = (options.folder or Path(passing)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        for system in SYSTEMS:
            if not options.only or system.name in options.only:
                _remember(options.json, system.name, _run(system, folder, options.full))
    found = json.loads(options.json.read_text()) if options.json.exists() else {}
    options.table.write_text(guide_table.page(SYSTEMS, found), encoding="utf-8")
    return 0


def _run(system: System, folder: Path, full: bool) -> dict[str, Any]:
    """Launch a recipe in the folder and read what came out."""
    for code in (ROOT / "recipes").glob("*.py"):
        shutil.copy(code, folder)
    environment = {**os.environ, **guide_data.prepare(system.recipe, folder)}
    path = folder / f"{system.name}.toml"
    file = config.load(ROOT / "recipes" / f"{system.recipe}.toml")
    for changes in _changes(system, len(file.trials) + file.study.trials, full):
        file = config.overridden(file, changes)
    path.write_text(toml_writer.text(config.to_dict(file)), encoding="utf-8")
    url = f"sqlite:///{folder}/guide.db"
    command = [sys.executable, "-P", "-m", "studyhall", "launch", path.name, "--storage", url]
    began = time.time()
    subprocess.run(command, cwd=folder, env=environment, check=True)
    os.environ.update(environment)
    from benchmarks import guide_scores
    from studyhall.storage.database import Database

    with closing(Database.open(url, create=False)) as db:
        found = guide_scores.read(db, system.name)
    here = system.whole if full and not system.variation else system.here
    return {"here": here, "ran_at": round(began), "machine": guide_data.machine(), **found}


def _changes(system: System, models: int, full: bool) -> list[Mapping[str, Mapping[str, Any]]]:
    """Return the changes to the recipe: every model is kept, to be scored."""
    local = system.local if guide_data.local() else {}
    shorter = {} if full and not system.variation else system.shorter
    return [{"study": {"name": system.name, "keep_models": models}}, local, shorter]


def _remember(path: Path, recipe: str, result: dict[str, Any]) -> None:
    known = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**known, recipe: result}, indent=1) + "\n", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    names = [system.name for system in SYSTEMS]
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", default=[])
    parser.add_argument("--full", action="store_true", help="the recipes as they stand")
    parser.add_argument("--folder", type=Path, help="where studies and models stay")
    parser.add_argument("--json", type=Path, default=RESULTS)
    parser.add_argument("--table", type=Path, default=TABLE)
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
