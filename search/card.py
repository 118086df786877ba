"""The exported model and its card: `best/model.keras`, and `best/best.json` beside it."""

from __future__ import annotations

import json
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

from search import best, creation, proven
from search.creation import Stored
from search.data.loading import Data
from search.report import notes
from search.winner import Winner
from storage import artifacts, bucket, studies
from storage.database import Database
from storage.records import TrialRecord
from storage.studies import Study

LIBRARIES = ("studyhall", "optuna", "keras", "tensorflow", "numpy")
MODEL, CARD = "model.keras", "best.json"


def export(
    db: Database,
    study: Study,
    stored: Stored,
    loaded: Data,
    found: Winner,
    predictions: Path | None,
) -> dict[str, Any]:
    """Write card, model and out-of-fold predictions; of a model that is not proven, the card alone.

    A card that stands beside an earlier model, which is proven, stays.

    Returns:
        What the card says.
    """
    folder = stored.artifacts / found.folder
    content = _content(db, study, loaded, found)
    if not content["proven"]:
        if not _stays(folder, found.model_sha256):
            (folder / MODEL).unlink(missing_ok=True)
            _predictions(None, folder / best.PREDICTIONS)
            _write(content, folder)
        return content
    folder.mkdir(parents=True, exist_ok=True)
    _copied(creation.objects(study), found, folder)
    _predictions(predictions, folder / best.PREDICTIONS)
    _write(content, folder)
    about = {"trial": found.trial.number, "model_sha256": found.model_sha256}
    studies.set_fact(db, study, found.key("export"), {**about, "folder": str(folder)})
    _link(db, study, found.trial)
    return content


def _stays(folder: Path, sha256: str | None) -> bool:
    """Whether what lies there is another model, which is proven."""
    try:
        there = json.loads((folder / CARD).read_text(encoding="utf-8"))
        return there["model_sha256"] != sha256 and proven.holds(there["proof"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _write(content: dict[str, Any], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    artifacts.write_whole(folder / CARD, (json.dumps(content, indent=2) + "\n").encode())


def _content(db: Database, study: Study, loaded: Data, found: Winner) -> dict[str, Any]:
    winner, confirmed, facts = found.trial, found.confirmation, studies.facts(db, study)
    proof = facts[found.key("proof")]
    folds = facts.get(found.key("out_of_fold"), {})
    return {
        "study": study.name,
        "trial": winner.number,
        "value": winner.value,
        "best_epoch": winner.best_epoch,
        "hyperparameters": winner.attributes["values"],
        "metrics": winner.attributes["metrics"],
        "parameters": winner.attributes["parameters"],
        "task": loaded.task,
        "classes": list(loaded.classes),
        "input_shape": list(loaded.input_shape),
        "preparation": loaded.preparation.to_dict(),
        "proven": proven.holds(proof),
        "model": MODEL if proven.holds(proof) else None,
        "model_sha256": found.model_sha256,
        "proof": proof,
        "test": best.test_json(found),
        "out_of_fold": folds.get("scores") if folds.get("trial") == winner.number else None,
        "confirmation": confirmed.to_json() if confirmed and confirmed.current else None,
        "seed": study.seed,
        "model_seed": winner.attributes.get("seed"),
        "data_fingerprint": loaded.fingerprint,
        "versions": {name: version(name) for name in LIBRARIES},
    }


def _copied(objects: artifacts.ArtifactStore, found: Winner, folder: Path) -> None:
    with artifacts.replacing(folder / MODEL) as unfinished:
        shutil.copyfile(bucket.fetched(objects, found.trial.attributes["model"]), unfinished)


def _predictions(path: Path | None, target: Path) -> None:
    """Copy them beside the model; those of an earlier winner go."""
    target.unlink(missing_ok=True)
    if path is not None:
        with artifacts.replacing(target) as unfinished:
            shutil.copyfile(path, unfinished)


def _link(db: Database, study: Study, winner: TrialRecord) -> None:
    """Let the dashboard offer the model at the study and at its winning trial."""
    name = f"{study.name}.keras"
    links = notes.stored_artifact(winner.trial_id, winner.attributes["model"], name)
    storage = db.optuna_storage()
    for key, value in links.items():
        storage.set_study_system_attr(study.study_id, key, value)
