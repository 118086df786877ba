"""The scores of a model's outputs, or the reason why they can't be scored against the targets."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from studyhall.search.data.loading import Data
from studyhall.search.data.parts import Part
from studyhall.search.data.stream_parts import StreamPart
from studyhall.search.evaluation import scores
from studyhall.search.evaluation.scores import Scores
from studyhall.search.study_file.losses import AS_GIVEN, BINARY, MULTICLASS, REGRESSION
from studyhall.search.trial import exporting
from studyhall.search.trial.forms import Form

ROUNDING = 1e-3  # a probability may lie outside of 0 … 1 by this much


def scored(data: Data, form: Form, loss: Any, part: Part, outputs: NDArray[Any]) -> Scores:
    """Return `scores.scores`, or ``task``, ``samples`` and ``no_scores``, the reason.

    Args:
        data: the study's data.
        form: form of the targets that the model was trained on.
        loss: loss that the model was trained with.
        part: samples and targets to score against.
        outputs: outputs of the model for these samples, (N, …).
    """
    reason = _unlike(data, part.y, outputs) or _other_numbers(data, form)
    predicted = outputs if reason else exporting.probabilities(data.task, loss, outputs)
    reason = reason or _no_probabilities(data, predicted)
    if reason:
        return {"task": data.task, "samples": len(part), "no_scores": reason}
    return scores.scores(data.task, data.classes, part.y, predicted)


def unknown(data: Data, part: Any) -> Scores:
    """Return why there are no scores of several targets, or of a stream."""
    what = "the data are a stream with" if data.streams else "there are several"
    reason = f"{what} targets, which only your code can interpret"
    size = {} if isinstance(part, StreamPart) else {"samples": len(part)}
    return {"task": AS_GIVEN, **size, "no_scores": reason}


def _unlike(data: Data, y: NDArray[Any], outputs: NDArray[Any]) -> str | None:
    """Return the reason if outputs are not finite, or their number doesn't match the targets."""
    given = _size(outputs)
    if not np.isfinite(outputs).all():
        return "the model's outputs are not finite"
    if data.task not in (BINARY, MULTICLASS):
        return None if given == _size(y) else f"{_gives(given)}, y has {_size(y)}"
    classes = len(data.classes)
    fits = outputs.ndim <= 2 and given in ((1, 2) if data.task == BINARY else (classes,))
    return None if fits else f"{_gives(given)}, y has {classes} classes"


def _other_numbers(data: Data, form: Form) -> str | None:
    """Return the reason if the user's model was trained on other class numbers than 0, 1, 2 …"""
    pool = data.split.pool
    if form.targets != "given" or pool.given is None or data.task not in (BINARY, MULTICLASS):
        return None
    if _size(pool.given) > 1 or np.array_equal(pool.given.reshape(-1), pool.y):
        return None
    known = ", ".join(data.classes[:3]) + (", …" if len(data.classes) > 3 else "")
    return f"the model was trained on classes {known} as they are, scores need them as 0, 1, …"


def _no_probabilities(data: Data, predicted: NDArray[Any]) -> str | None:
    low, high = float(predicted.min()), float(predicted.max())
    if data.task == REGRESSION or (low >= -ROUNDING and high <= 1 + ROUNDING):
        return None
    return f"the model's outputs range from {low:.4g} to {high:.4g}: not probabilities"


def _size(array: NDArray[Any]) -> int:
    return int(np.prod(array.shape[1:]))


def _gives(count: int) -> str:
    return f"the model gives {count} number{'' if count == 1 else 's'} per sample"
