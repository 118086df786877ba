"""The best model, proven: reloaded in this fresh process, scored again, then tested once.

The test set is opened by a lock in the database: to the model of the first winner that is final,
and to another one only where somebody says so.

Run as ``python -m search finish STUDY``, a process that never saw the training.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np

from search import best, creation, exporting
from search import winner as winners
from search.creation import Stored
from search.data import loading
from search.data.loading import Data
from search.process import identity
from search.report import notes
from search.trial import modelling, reasons
from search.valuation import Valuation
from storage import artifacts, bucket, scorings, studies
from storage.artifacts import ArtifactStore
from storage.database import Database
from storage.records import TrialRecord
from storage.studies import Study

LIBRARIES = ("studyhall", "optuna", "keras", "tensorflow", "numpy")


class ProofError(RuntimeError):
    """The best model can't be exported; the message says why and what to do."""


def finish(db: Database, study: Study, *, again: bool = False) -> dict[str, Any]:
    """Export the winner's model, reload it, score it again, and test it once if it is final.

    Args:
        again: use the test set, whatever it was used for, be the winner final or not.

    Returns:
        What ``best.json`` holds: trial, values, metrics, classes, proof and test scores.

    Raises:
        ProofError: no trial has a model, or its file is damaged.
    """
    stored, found = creation.stored(study), winners.read(db, study)
    if found is None:
        raise ProofError(f'study "{study.name}" has no complete trial yet')
    winner = found.trial
    loaded = loading.of_file(stored.file, stored.folder, study.seed)
    plan = modelling.blueprint(stored.file, loaded, stored.folder)
    model = _reload(creation.objects(study), winner, trusted=plan.builder is not None)
    valuation = Valuation(plan, winner)
    if studies.facts(db, study).get("proof", {}).get("model_sha256") != found.model_sha256:
        studies.set_fact(db, study, "proof", _proof(model, valuation, winner))
    if found.final or again:
        _test(db, study, model, valuation, winner, again=again)
    if studies.facts(db, study).get("out_of_fold", {}).get("trial") != winner.number:
        studies.set_fact(db, study, "out_of_fold", _out_of_fold(study, valuation, winner))
    return _export(db, study, stored, loaded)


def _out_of_fold(study: Study, valuation: Valuation, winner: TrialRecord) -> dict[str, Any]:
    """How good the winner's folds are on the samples that each was not trained on."""
    path = _predictions(study, winner)
    found = None
    if path is not None:
        with np.load(path, allow_pickle=False) as kept:
            pool = valuation.plan.data.split.pool
            found = valuation.scores(pool, kept["predictions"])
    return {"trial": winner.number, "scores": found}


def _predictions(study: Study, winner: TrialRecord) -> Path | None:
    """The file of the winner's out-of-fold predictions; None where it has no folds."""
    name = winner.attributes.get("predictions")
    return None if name is None else bucket.fetched(creation.objects(study), name)


def _reload(objects: ArtifactStore, winner: TrialRecord, *, trusted: bool) -> keras.Model:
    """Load the saved model; ``trusted`` says that it was made by the user's code, which runs."""
    if "model" not in winner.attributes:
        why = winner.attributes.get("model_error", "it was begun by another program")
        raise ProofError(f"trial {winner.number}, the best, has no saved model: {why}")
    path = bucket.fetched(objects, winner.attributes["model"])
    if not path.is_file():
        raise ProofError(f"the model of trial {winner.number} is not at {path}")
    if _sha256(path) != winner.attributes["model_sha256"]:
        raise ProofError(f"the model of trial {winner.number} at {path} was altered or cut off")
    try:
        return keras.models.load_model(path, compile=False, safe_mode=not trusted)
    except (ValueError, TypeError) as error:  # a class that Keras can't find, or can't build
        reason = reasons.one_line(error)
        raise ProofError(f"the model of trial {winner.number} can't be loaded: {reason}") from error


def _proof(model: keras.Model, valuation: Valuation, winner: TrialRecord) -> dict[str, Any]:
    fold = valuation.plan.data.folds[winner.attributes["model_fold"]]
    reloaded = valuation.value(model, fold, fold.validation)
    recorded = winner.attributes["model_value"]
    return {
        "trial": winner.number,
        "recorded": recorded,
        "reloaded": reloaded,
        "difference": abs(reloaded - recorded),
        "scores": valuation.scores(fold.validation, exporting.predict(model, fold.validation.x)),
        "model_sha256": winner.attributes["model_sha256"],
        "proven_at": time.time(),
    }


def _test(
    db: Database,
    study: Study,
    model: keras.Model,
    valuation: Valuation,
    winner: TrialRecord,
    *,
    again: bool,
) -> None:
    """Score the model on the test set, if the lock opens for it."""
    sha256, who = winner.attributes["model_sha256"], identity.who()
    scoring = scorings.begin(db, study, winner.number, sha256, who, again=again)
    if scoring is None or scoring.scores is not None:
        return
    fold = valuation.plan.data.folds[winner.attributes["model_fold"]]
    found, samples = valuation.tested(model, fold)
    scorings.finish(db, study, scoring, found, samples)


def _export(db: Database, study: Study, stored: Stored, loaded: Data) -> dict[str, Any]:
    found = winners.read(db, study)
    assert found is not None
    winner, confirmed = found.trial, found.confirmation
    folder, objects = stored.artifacts / "best", creation.objects(study)
    folder.mkdir(parents=True, exist_ok=True)
    with artifacts.replacing(folder / "model.keras") as unfinished:
        shutil.copyfile(bucket.fetched(objects, winner.attributes["model"]), unfinished)
    _export_predictions(_predictions(study, winner), folder / best.PREDICTIONS)
    facts = studies.facts(db, study)
    card = {
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
        "model": "model.keras",
        "model_sha256": winner.attributes["model_sha256"],
        "proof": facts["proof"],
        "test": best.test_json(found),
        "out_of_fold": facts["out_of_fold"]["scores"],
        "confirmation": confirmed.to_json() if confirmed and confirmed.current else None,
        "seed": study.seed,
        "model_seed": winner.attributes.get("seed"),
        "data_fingerprint": loaded.fingerprint,
        "versions": {name: version(name) for name in LIBRARIES},
    }
    artifacts.write_whole(folder / "best.json", (json.dumps(card, indent=2) + "\n").encode())
    exported = {"trial": winner.number, "model_sha256": found.model_sha256, "folder": str(folder)}
    studies.set_fact(db, study, "export", exported)
    _link(db, study, winner)
    return card


def _export_predictions(path: Path | None, target: Path) -> None:
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


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
