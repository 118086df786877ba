"""The baselines of a study, computed once on the same split and stored beside the proof."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studyhall.search.data.loading import Data
from studyhall.search.data.parts import Part
from studyhall.search.evaluation import baseline_models, baseline_text, scores
from studyhall.search.evaluation.baseline_models import GUESS, LINEAR, TREES, Predict, Setting
from studyhall.search.evaluation.best import BASELINES
from studyhall.search.evaluation.valuation import Valuation
from studyhall.search.evaluation.winner import Winner
from studyhall.storage.database import Database
from studyhall.storage.studies import studies
from studyhall.storage.studies.rows import Study

NAMES = (TREES, LINEAR, GUESS)


def store(db: Database, study: Study, valuation: Valuation, found: Winner) -> None:
    """Compute the baselines of a study, unless they are stored already.

    The test set is used only if it has been used for the winner's model.

    Args:
        db: database of the study.
        study: the study.
        valuation: the computation of values.
        found: the winner, with its scores on the test set.
    """
    setting, data = _setting(valuation, study), valuation.plan.data
    key = {"data": data.fingerprint, "balanced": setting.balanced}
    tested, known = found.scoring is not None, studies.facts(db, study).get(BASELINES, {})
    if known.get("key") == key and (known["tested"] or not tested):
        return
    fold = found.trial.attributes.get("model_fold", 0)
    models = [_measured(name, valuation, setting, fold if tested else None) for name in NAMES]
    about = {"key": key, "tested": tested, "task": data.task, "models": models}
    studies.set_fact(db, study, BASELINES, about)


def _setting(valuation: Valuation, study: Study) -> Setting:
    balanced = valuation.built.values.get("class_weights", "none") != "none"
    loss = valuation.plan.file.training.loss
    return Setting(study.seed, balanced, loss == "mean_absolute_error")


def _measured(
    name: str, valuation: Valuation, setting: Setting, test_fold: int | None
) -> dict[str, Any]:
    """Return the value and the scores of a baseline, or the reason why there are none.

    Args:
        test_fold: number of the fold whose model is scored on the test set; None: none is.
    """
    data = valuation.plan.data
    label = baseline_models.label(name, data.task)
    if why := baseline_models.missing(name, data):
        return {"name": label, "why": why}
    began = time.monotonic()
    try:
        models = [baseline_models.fitted(name, data, fold, setting) for fold in data.folds]
        about = _validated(models, valuation)
        test = None if test_fold is None else _scored(data, models[test_fold], data.test)
    except (ValueError, MemoryError) as error:  # of scikit-learn: such data it does not take
        return {"name": label, "why": str(error).splitlines()[0] if str(error) else "no memory"}
    return {"name": label, **about, "test": test, "seconds": time.monotonic() - began}


def _validated(models: list[Predict], valuation: Valuation) -> dict[str, Any]:
    """Return the mean value over the folds, and the scores of all validation samples together."""
    data, values, predicted, wanted = valuation.plan.data, [], [], []
    for fold, model in zip(data.folds, models, strict=True):
        outputs = model(fold.validation.x)
        values.append(valuation.value_of(outputs, fold.validation))
        predicted.append(outputs)
        wanted.append(fold.validation.y)
    known = [value for value in values if value is not None]
    found = _scores(data, np.concatenate(wanted), np.concatenate(predicted))
    return {"value": float(np.mean(known)) if known else None, "validation": found}


def _scored(data: Data, model: Predict, part: Part) -> dict[str, Any]:
    return _scores(data, part.y, model(part.x))


def _scores(data: Data, y: NDArray[Any], outputs: NDArray[Any]) -> dict[str, Any]:
    return baseline_text.measures(scores.scores(data.task, data.classes, y, outputs))
