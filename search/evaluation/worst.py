"""The samples with the worst predictions, with thumbnails if they are images."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from studyhall.search.data.trees import Tree
from studyhall.search.evaluation.scores import BINARY, MULTICLASS, REGRESSION

MOST = 12
LARGEST = 96  # longest side of a thumbnail in pixels


def samples(
    task: str, classes: Sequence[str], x: Any, y: NDArray[Any], predicted: NDArray[Any]
) -> list[dict[str, Any]]:
    """Return the wrong predictions of highest confidence, or the largest regression errors.

    Args:
        task: binary, multiclass, multilabel or regression; nothing is returned for multilabel.
        classes: names in the order of the class numbers.
        x: raw samples (N, …), sparse or not.
        y: class numbers (N,), or numbers (N,) or (N, k).
        predicted: probabilities (N, 1) or (N, classes), or numbers (N,) or (N, k).

    Returns:
        The worst first: ``sample`` (its index in `x`), ``true``, ``predicted``, ``probability``
        (None for regression) and ``picture`` (PNG, base64; None if samples are not images).
    """
    if task == REGRESSION:
        return _errors(x, y, predicted)
    if task not in (BINARY, MULTICLASS):
        return []
    sure = np.hstack([1 - predicted, predicted]) if predicted.shape[-1] == 1 else predicted
    chosen = np.argmax(sure, axis=-1)
    wrong = np.flatnonzero(chosen != y)
    ranked = wrong[np.argsort(-sure[wrong, chosen[wrong]], kind="stable")][:MOST]
    return [
        {
            "sample": int(row),
            "true": classes[int(y[row])],
            "predicted": classes[int(chosen[row])],
            "probability": float(sure[row, chosen[row]]),
            "picture": picture(x, int(row)),
        }
        for row in ranked
    ]


def picture(x: Any, row: int) -> str | None:
    """Return a sample as base64 PNG; None unless samples have the shape (H, W, 1) or (H, W, 3)."""
    if isinstance(x, Tree) or x.ndim != 4 or x.shape[-1] not in (1, 3):
        return None
    image = np.asarray(x[row], np.float64)
    # Stretched to the full range of grey, as the range of raw values is unknown.
    low, high = float(image.min()), float(image.max())
    grey = 255 * (image - low) / max(high - low, 1e-9)
    drawn = Image.fromarray((grey[..., 0] if x.shape[-1] == 1 else grey).astype(np.uint8))
    drawn.thumbnail((LARGEST, LARGEST))
    held = io.BytesIO()
    drawn.save(held, "PNG")
    return base64.b64encode(held.getvalue()).decode()


def _errors(x: Any, y: NDArray[Any], predicted: NDArray[Any]) -> list[dict[str, Any]]:
    answers = predicted.reshape(y.shape)
    off = np.abs(answers - y).reshape(len(y), -1).mean(axis=1)
    return [
        {
            "sample": int(row),
            "true": _numbers(y[row]),
            "predicted": _numbers(answers[row]),
            "probability": None,
            "picture": picture(x, int(row)),
        }
        for row in np.argsort(-off, kind="stable")[:MOST]
    ]


def _numbers(values: Any) -> str:
    shown = [f"{float(value):.4g}" for value in np.ravel(values)]
    return ", ".join([*shown[:MOST], *(["…"] if len(shown) > MOST else [])])
