"""The proof of the best model: reload it in a fresh process, score it again, then test it once.

A lock in the database guards the test set: it opens for the first winner that is final, once more
for the winner of a confirmation that came later, and for another model only if the user asks.

It runs as ``python -m studyhall finish STUDY``, a process that has not trained any model.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np

from studyhall.search.data import loading
from studyhall.search.evaluation import baselines, card, proof_result, reloading, scored_again
from studyhall.search.evaluation import winner as winners
from studyhall.search.evaluation.reloading import NotProvenError, Reloaded
from studyhall.search.evaluation.valuation import NotMeasuredError, Valuation
from studyhall.search.evaluation.winner import Winner
from studyhall.search.process import identity
from studyhall.search.study import fingerprints, record
from studyhall.search.study.record import Stored
from studyhall.search.training import backend
from studyhall.search.trial import blueprints, exporting
from studyhall.storage.artifacts import bucket
from studyhall.storage.database import Database
from studyhall.storage.queries import records
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies import scorings, studies
from studyhall.storage.studies.rows import Study

MOST_TRIED = 10  # best trials to try until one model is proven


class ProofError(RuntimeError):
    """An error: there is no model to prove yet."""


def finish(
    db: Database, study: Study, *, again: bool = False, number: int | None = None
) -> dict[str, Any]:
    """Reload the winner's model and score it again; if it is proven, export and test it.

    Args:
        db: database of the study.
        study: the study.
        again: use the test set even if it was used before or the winner is not final.
        number: number of a trial to use instead of the winner.

    Returns:
        The contents of ``best.json``: trial, values, metrics, classes, proof and test scores.

    Raises:
        ProofError: no trial is complete yet.
        ConfigError: there is no trial of that number.
    """
    stored, found = record.stored(study), winners.read(db, study, number)
    if found is None:
        raise ProofError(f'study "{study.name}" has no complete trial yet')
    loaded = loading.of_file(stored.file, stored.folder, study.seed)
    plan = blueprints.of_file(stored.file, loaded, stored.folder)
    with backend.doubles(needed=exporting.needs_doubles(loaded)):
        proof, reloaded = _proof(study, plan, found.trial)
        if reloaded is None:
            proof |= _failed(db, study, stored, plan, found)
        # A successful proof is kept as it was first recorded.
        if reloaded is None or not _known(db, study, found):
            studies.set_fact(db, study, found.key("proof"), proof)
        predictions, logits = None, False
        if reloaded is not None:
            valuation = Valuation(plan, found.trial, proof["objective"])
            logits = exporting.gives_logits(valuation.loss)
            if found.final or again:
                _test(db, study, reloaded.model, valuation, found, proof, again=again)
            predictions = _predictions(study, found.trial)
            folds = _out_of_fold(predictions, valuation, found.trial)
            studies.set_fact(db, study, found.key("out_of_fold"), folds)
        # The scores on the test set, which the card includes, may be new.
        again_found = winners.read(db, study, number)
        assert again_found is not None
        if reloaded is not None:
            baselines.store(db, study, valuation, again_found)
        return card.export(db, study, plan, again_found, reloaded, predictions, logits=logits)


def _known(db: Database, study: Study, found: Winner) -> bool:
    """Return whether this model was proven before by a version that records its verdict."""
    proof = studies.facts(db, study).get(found.key("proof"), {})
    return proof.get("model_sha256") == found.model_sha256 and bool(proof.get("proven"))


def _out_of_fold(path: Path | None, valuation: Valuation, winner: TrialRecord) -> dict[str, Any]:
    """Return the scores of the winner's out-of-fold predictions."""
    found = None
    if path is not None:
        with np.load(path, allow_pickle=False) as kept:
            pool = valuation.plan.data.split.pool
            found = valuation.scores(pool, kept["predictions"])
    return {"trial": winner.number, "scores": found}


def _predictions(study: Study, winner: TrialRecord) -> Path | None:
    """Return the file of the winner's out-of-fold predictions; None without folds."""
    name = winner.attributes.get("predictions")
    return None if name is None else bucket.fetched(record.objects(study), name)


def _failed(
    db: Database, study: Study, stored: Stored, plan: blueprints.Blueprint, found: Winner
) -> dict[str, Any]:
    """Return details for a failed proof: changes of data or code, and a trial that is proven."""
    code = fingerprints.of_code(stored.file, stored.folder)
    streams = {"streams": dict(plan.data.streams)}
    now = fingerprints.Inspection(plan.data.fingerprint, code, streams)
    return {
        "changed": fingerprints.differing(stored.inspection, now),
        "instead": _instead(db, study, plan, found),
    }


def _instead(
    db: Database, study: Study, plan: blueprints.Blueprint, failed: Winner
) -> dict[str, Any] | None:
    """Return the next best trial whose model is proven; it is proven here, in this process."""
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
    study: Study, plan: blueprints.Blueprint, winner: TrialRecord
) -> tuple[dict[str, Any], Reloaded | None]:
    """Reload a model and score it again; return the proof, and the model if it is proven."""
    found = []
    for way in reloading.ways(winner, plan):
        proof, reloaded = _tried(partial(way, record.objects(study)), plan, winner)
        if reloaded is not None:
            return proof, reloaded
        found.append(proof)
    return found[0], None


def _tried(
    load: Callable[[], Reloaded], plan: blueprints.Blueprint, winner: TrialRecord
) -> tuple[dict[str, Any], Reloaded | None]:
    """Prove a model that is loaded in one particular way; return as `_proof` does."""
    about = {
        "trial": winner.number,
        "objective": plan.objectives[0],
        "recorded": winner.attributes.get("model_value"),
        "model_sha256": winner.attributes.get("model_sha256"),
        "proven_at": time.time(),
    }
    numbers: dict[str, Any] = dict.fromkeys(("reloaded", "difference", "tolerance", "scores"))
    try:
        reloaded = load()
        numbers |= scored_again.numbers(reloaded.model, plan, winner)
    except (NotProvenError, NotMeasuredError) as error:
        return {**about, **numbers, "proven": False, "why": str(error)}, None
    if numbers["difference"] <= numbers["tolerance"]:
        return {**about, **numbers, "proven": True, "why": None}, reloaded
    said = proof_result.differs(numbers["recorded"], numbers["reloaded"], numbers["tolerance"])
    return {**about, **numbers, "scores": None, "proven": False, "why": said}, None


def _test(
    db: Database,
    study: Study,
    model: keras.Model,
    valuation: Valuation,
    found: Winner,
    proof: dict[str, Any],
    *,
    again: bool,
) -> None:
    """Score the model on the test set, if the lock opens for it."""
    winner, after = found.trial, len(found.scorings) if found.opens_again else None
    sha256, who = winner.attributes["model_sha256"], identity.who()
    scoring = scorings.begin(db, study, winner.number, sha256, who, again=again, after=after)
    if scoring is None or scoring.scores is not None:
        return
    fold = valuation.plan.data.folds[winner.attributes["model_fold"]]
    with_loss = "loss" in (proof["scores"] or {})
    tested, samples = valuation.tested(model, fold, with_loss=with_loss)
    scorings.finish(db, study, scoring, tested, samples)
