"""Scores of a model's answers, or why there are none: answers that its targets can't be held to."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from studyhall.search.data.loading import Data
from studyhall.search.data.parts import Part
from studyhall.search.evaluation import scores
from studyhall.search.evaluation.scores import Scores
from studyhall.search.study_file.losses import BINARY, MULTICLASS, REGRESSION
from studyhall.search.trial import exporting
from studyhall.search.trial.forms import Form

ROUNDING = 1e-3  # by which a probability may leave 0 … 1


def scored(data: Data, form: Form, loss: Any, part: Part, outputs: NDArray[Any]) -> Scores:
    """Scores as `report.scores` has them; else ``task``, ``samples`` and ``no_scores``, the reason.

    Args:
        data: the study's.
        form: in which the model was fed with targets.
        loss: that the model was trained with.
        part: whose targets it is held to.
        outputs: what the model gives for its samples, (N, …).
    """
    reason = _unlike(data, part.y, outputs) or _other_numbers(data, form)
    predicted = outputs if reason else exporting.probabilities(data.task, loss, outputs)
    reason = reason or _no_probabilities(data, predicted)
    if reason:
        return {"task": data.task, "samples": len(part), "no_scores": reason}
    return scores.scores(data.task, data.classes, part.y, predicted)


def _unlike(data: Data, y: NDArray[Any], outputs: NDArray[Any]) -> str | None:
    """Answers of another width than the targets, or that are no numbers."""
    given = _size(outputs)
    if not np.isfinite(outputs).all():
        return "the model gives numbers that are not finite"
    if data.task not in (BINARY, MULTICLASS):
        return None if given == _size(y) else f"{_gives(given)}, y has {_size(y)}"
    classes = len(data.classes)
    fits = outputs.ndim <= 2 and given in ((1, 2) if data.task == BINARY else (classes,))
    return None if fits else f"{_gives(given)}, y has {classes} classes"


def _other_numbers(data: Data, form: Form) -> str | None:
    """Classes that the user's model knows by other numbers than 0, 1, 2 …"""
    pool = data.split.pool
    if form.targets != "given" or pool.given is None or data.task not in (BINARY, MULTICLASS):
        return None
    if _size(pool.given) > 1 or np.array_equal(pool.given.reshape(-1), pool.y):
        return None
    known = ", ".join(data.classes[:3]) + (", …" if len(data.classes) > 3 else "")
    return f"the model was given classes {known} as they are, scores need them as 0, 1, …"


def _no_probabilities(data: Data, predicted: NDArray[Any]) -> str | None:
    low, high = float(predicted.min()), float(predicted.max())
    if data.task == REGRESSION or (low >= -ROUNDING and high <= 1 + ROUNDING):
        return None
    return f"the model gives numbers from {low:.4g} to {high:.4g}, no probabilities"


def _size(array: NDArray[Any]) -> int:
    return int(np.prod(array.shape[1:]))


def _gives(count: int) -> str:
    return f"the model gives {count} number{'' if count == 1 else 's'} a sample"
