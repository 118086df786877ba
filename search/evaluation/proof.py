"""The best model, proven: reloaded in this fresh process, scored again, then tested once.

The test set is opened by a lock in the database: to the model of the first winner that is final,
and to another one only where somebody says so.

Run as ``python -m studyhall finish STUDY``, a process that never saw the training.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from studyhall.search.data import loading
from studyhall.search.evaluation import card, proof_result, reloading, tolerance
from studyhall.search.evaluation import winner as winners
from studyhall.search.evaluation.reloading import NotProvenError, Reloaded
from studyhall.search.evaluation.valuation import Valuation, ValuationError
from studyhall.search.evaluation.winner import Winner
from studyhall.search.process import identity
from studyhall.search.study import inspection, record
from studyhall.search.study.record import Stored
from studyhall.search.study_file import objectives
from studyhall.search.trial import exporting, failures, modelling
from studyhall.storage.artifacts import bucket
from studyhall.storage.database import Database
from studyhall.storage.queries import records
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies import scorings, studies
from studyhall.storage.studies.rows import Study

MOST_TRIED = 10  # of the best trials, for one whose model is proven


class ProofError(RuntimeError):
    """There is no model to prove yet."""


def finish(
    db: Database, study: Study, *, again: bool = False, number: int | None = None
) -> dict[str, Any]:
    """Reload the winner's model and score it again; if it is proven, export and test it.

    Args:
        again: use the test set, whatever it was used for, be the winner final or not.
        number: of the trial that stands for its study, instead of the winner.

    Returns:
        What ``best.json`` holds: trial, values, metrics, classes, proof and test scores.

    Raises:
        ProofError: no trial is complete yet.
        ConfigError: there is no such trial.
    """
    stored, found = record.stored(study), winners.read(db, study, number)
    if found is None:
        raise ProofError(f'study "{study.name}" has no complete trial yet')
    loaded = loading.of_file(stored.file, stored.folder, study.seed)
    plan = modelling.blueprint(stored.file, loaded, stored.folder)
    proof, reloaded = _proof(study, plan, found.trial)
    if reloaded is None:
        proof |= _failed(db, study, stored, plan, found)
    if reloaded is None or not _known(db, study, found):
        studies.set_fact(db, study, found.key("proof"), proof)
    predictions = None
    if reloaded is not None:
        valuation = Valuation(plan, found.trial)
        if found.final or again:
            _test(db, study, reloaded.model, valuation, found.trial, again=again)
        predictions = _predictions(study, found.trial)
        folds = _out_of_fold(predictions, valuation, found.trial)
        studies.set_fact(db, study, found.key("out_of_fold"), folds)
    again_found = winners.read(db, study, number)
    assert again_found is not None
    return card.export(db, study, plan, again_found, reloaded, predictions)


def _known(db: Database, study: Study, found: Winner) -> bool:
    """Whether this model was proven before, by a tolerance that was written down."""
    proof = studies.facts(db, study).get(found.key("proof"), {})
    return proof.get("model_sha256") == found.model_sha256 and bool(proof.get("proven"))


def _out_of_fold(path: Path | None, valuation: Valuation, winner: TrialRecord) -> dict[str, Any]:
    """How good the winner's folds are on the samples that each was not trained on."""
    found = None
    if path is not None:
        with np.load(path, allow_pickle=False) as kept:
            pool = valuation.plan.data.split.pool
            found = valuation.scores(pool, kept["predictions"])
    return {"trial": winner.number, "scores": found}


def _predictions(study: Study, winner: TrialRecord) -> Path | None:
    """The file of the winner's out-of-fold predictions; None where it has no folds."""
    name = winner.attributes.get("predictions")
    return None if name is None else bucket.fetched(record.objects(study), name)


def _failed(
    db: Database, study: Study, stored: Stored, plan: modelling.Blueprint, found: Winner
) -> dict[str, Any]:
    """What is told besides of a model that is not proven: what has changed, who is proven."""
    code = inspection.code_fingerprints(stored.file, stored.folder)
    now = inspection.Inspection(plan.data.fingerprint, code)
    return {
        "changed": inspection.differing(stored.inspection, now),
        "instead": _instead(db, study, plan, found),
    }


def _instead(
    db: Database, study: Study, plan: modelling.Blueprint, failed: Winner
) -> dict[str, Any] | None:
    """The next best trial whose model is proven, which it is here and now."""
    if failed.chosen:
        return None
    for trial in records.best(db, study, MOST_TRIED)[0]:
        if trial.number == failed.trial.number or "model" not in trial.attributes:
            continue
        proof, reloaded = _proof(study, plan, trial)
        if reloaded is not None:
            studies.set_fact(db, study, f"proof {trial.number}", proof)
            return {"trial": trial.number, "value": trial.value, "reloaded": proof["reloaded"]}
    return None


def _proof(
    study: Study, plan: modelling.Blueprint, winner: TrialRecord
) -> tuple[dict[str, Any], Reloaded | None]:
    """Reload a model and score it again: what comes of it, and the model where it is proven."""
    found = []
    for way in reloading.ways(winner, plan):
        proof, reloaded = _tried(partial(way, record.objects(study)), plan, winner)
        if reloaded is not None:
            return proof, reloaded
        found.append(proof)
    return found[0], None


def _tried(
    load: Callable[[], Reloaded], plan: modelling.Blueprint, winner: TrialRecord
) -> tuple[dict[str, Any], Reloaded | None]:
    """The same for one way to load it."""
    about = {
        "trial": winner.number,
        "recorded": winner.attributes.get("model_value"),
        "model_sha256": winner.attributes.get("model_sha256"),
        "proven_at": time.time(),
    }
    numbers: dict[str, Any] = dict.fromkeys(("reloaded", "difference", "tolerance", "scores"))
    try:
        reloaded = load()
        numbers |= _numbers(reloaded.model, plan, winner)
    except NotProvenError as error:
        return {**about, **numbers, "proven": False, "why": str(error)}, None
    if numbers["difference"] <= numbers["tolerance"]:
        return {**about, **numbers, "proven": True, "why": None}, reloaded
    recorded = winner.attributes["model_value"]
    said = proof_result.differs(recorded, numbers["reloaded"], numbers["tolerance"])
    return {**about, **numbers, "scores": None, "proven": False, "why": said}, None


def _numbers(model: keras.Model, plan: modelling.Blueprint, winner: TrialRecord) -> dict[str, Any]:
    """What the reloaded model scores on the part that the trained one was validated on.

    Raises:
        NotProvenError: it can't be scored.
    """
    fold = plan.data.folds[winner.attributes["model_fold"]]
    recorded, is_loss = winner.attributes["model_value"], plan.objectives[0] == objectives.LOSS
    valuation = Valuation(plan, winner)
    value = partial(valuation.value, fold=fold, part=fold.validation)
    with _scoring():
        reloaded, allowed = tolerance.measured(
            _rounding(plan), recorded, model, value, is_loss=is_loss
        )
        if not math.isfinite(reloaded):
            raise NotProvenError(f"its model, reloaded, scores {reloaded}, which is no number")
        predicted = exporting.predict(model, fold.validation.x)
    return {
        "reloaded": reloaded,
        "difference": abs(reloaded - recorded),
        "tolerance": allowed,
        "scores": valuation.scores(fold.validation, predicted),
    }


@contextmanager
def _scoring() -> Iterator[None]:
    """A reloaded model that doesn't take the samples, or gives outputs of another shape."""
    try:
        yield
    except ValuationError as error:
        raise NotProvenError(str(error)) from error
    except (ValueError, TypeError, tf.errors.InvalidArgumentError) as error:
        reason = failures.one_line(error)
        raise NotProvenError(f"its model, reloaded, can't be scored: {reason}") from error


def _rounding(plan: modelling.Blueprint) -> tolerance.Rounding:
    """Of the study's precision on this machine."""
    precision: str = plan.file.training.precision
    short = tf.config.experimental.tensor_float_32_execution_enabled()
    if precision == "float32" and short and tf.config.list_physical_devices("GPU"):
        precision = tolerance.TF32
    return tolerance.OF[precision]


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
