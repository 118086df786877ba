"""The score of a reloaded model, beside the one that its training recorded."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras

from studyhall.search.evaluation import tolerance
from studyhall.search.evaluation.reloading import NotProvenError
from studyhall.search.evaluation.valuation import (
    NotMeasuredError,
    Valuation,
    ValuationError,
    told_loss,
)
from studyhall.search.study_file import objectives
from studyhall.search.training import backend
from studyhall.search.trial import blueprints, failures
from studyhall.storage.queries.records import TrialRecord

UNSCORABLE: failures.Errors = (ValueError, TypeError, *failures.REFUSED)


def numbers(model: keras.Model, plan: blueprints.Blueprint, winner: TrialRecord) -> dict[str, Any]:
    """Score a reloaded model on the validation set of the trained one.

    It is the objective that is compared. Where only callbacks of the training have measured it,
    it is the validation loss of the same epoch.

    Returns:
        The `objective` that is compared, what was `recorded`, what the `reloaded` model scores,
        their `difference`, the `tolerance`, and the `scores` of its predictions.

    Raises:
        NotProvenError, NotMeasuredError: the model can't be scored.
    """
    try:
        with _scoring():
            recorded = winner.attributes["model_value"]
            return _numbers(model, Valuation(plan, winner), recorded, winner)
    except NotMeasuredError:
        recorded = winner.attributes.get("model_loss")
        if recorded is None:
            raise
        with _scoring():
            return _numbers(model, Valuation(plan, winner, objectives.LOSS), recorded, winner)


def _numbers(
    model: keras.Model, valuation: Valuation, recorded: float, winner: TrialRecord
) -> dict[str, Any]:
    """Score the reloaded model on the validation set of the trained one.

    Raises:
        NotProvenError: it scores no finite number.
        ValuationError: it can't be scored.
    """
    plan, is_loss = valuation.plan, valuation.objective == objectives.LOSS
    fold = plan.data.folds[winner.attributes["model_fold"]]
    value = partial(valuation.value, fold=fold, part=fold.validation)
    reloaded, allowed = tolerance.measured(rounding(plan), recorded, model, value, is_loss=is_loss)
    if not math.isfinite(reloaded):
        raise NotProvenError(f"its model, reloaded, scores {reloaded}, which is not finite")
    scores, outputs = valuation.scored(model, fold.validation)
    if is_loss and "no_scores" not in scores:
        losses = valuation.losses(fold.validation, outputs)
        # Only a loss whose mean is the proven value is told with an interval.
        if losses is not None and abs(losses.mean() - reloaded) <= allowed:
            scores |= told_loss(losses, scores)
    return {
        "objective": valuation.objective,
        "recorded": recorded,
        "reloaded": reloaded,
        "difference": abs(reloaded - recorded),
        "tolerance": allowed,
        "scores": scores,
    }


@contextmanager
def _scoring() -> Iterator[None]:
    """Turn errors of a model that rejects the samples or has other outputs into NotProvenError."""
    try:
        yield
    except NotMeasuredError:
        raise
    except ValuationError as error:
        raise NotProvenError(str(error)) from error
    except UNSCORABLE as error:
        reason = failures.one_line(error)
        raise NotProvenError(f"its model, reloaded, can't be scored: {reason}") from error


def rounding(plan: blueprints.Blueprint) -> tolerance.Rounding:
    """Return the rounding errors of the study's precision on this machine."""
    precision: str = plan.file.training.precision
    if precision == "float32" and backend.rounds_to_tf32():
        precision = tolerance.TF32
    return tolerance.OF[precision]
