"""What a model gets that has learned nothing but how often each target occurs.

That loss is the unit in which curves are judged: 1 is nothing learned, 0 a perfect fit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.data.loading import Data
from search.study_file.losses import BINARY, MULTICLASS, REGRESSION

FOCUS = 2.0  # gamma of Keras' focal loss
TINY = 1e-12


def about(data: Data, loss: str) -> dict[str, Any]:
    """What the verdicts and the report need to know of a study's data.

    Args:
        data: of the study.
        loss: ``[training] loss``.

    Returns:
        ``task``, ``samples`` (of training, validation and test part), ``guess_loss`` and, for
        single classes, ``guess_error``, the share of wrong answers of the most frequent class.
    """
    parts = {"training": data.train, "validation": data.validation, "test": data.test}
    error = _error(data.train.y) if data.task in (BINARY, MULTICLASS) else None
    return {
        "task": data.task,
        "samples": {name: len(part) for name, part in parts.items()},
        "guess_loss": guess_loss(data.task, data.train.y, loss),
        "guess_error": error,
    }


def guess_loss(task: str, y: NDArray[Any], loss: str = "auto") -> float:
    """The least mean loss that one and the same answer for all samples has.

    Args:
        task: binary, multiclass, multilabel or regression.
        y: class numbers (N,), labels (N, k), or numbers (N,) or (N, k).
        loss: by its Keras name; auto is crossentropy, or the squared error of numbers.
    """
    if task == REGRESSION:
        return _of_numbers(np.asarray(y, np.float64), loss)
    if task == MULTICLASS:
        return float(_entropy(np.bincount(y) / len(y)).sum())
    share = np.atleast_1d(np.mean(y, axis=0, dtype=np.float64))  # of each label, or of class 1
    both = np.stack([share, 1 - share])
    focus = (1 - both) ** FOCUS if "focal" in loss else 1.0
    return float((focus * _entropy(both)).sum(axis=0).mean())


def _of_numbers(y: NDArray[np.float64], loss: str) -> float:
    centre = np.median(y, axis=0) if loss == "mean_absolute_error" else y.mean(axis=0)
    off = np.abs(y - centre)
    return {
        "mean_absolute_error": lambda: float(off.mean()),
        "huber": lambda: float(np.where(off <= 1, off**2 / 2, off - 0.5).mean()),
        "log_cosh": lambda: float((off + np.log1p(np.exp(-2 * off)) - np.log(2)).mean()),
    }.get(loss, lambda: float((off**2).mean()))()


def _entropy(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each share: -p ln p."""
    return np.asarray(-share * np.log(np.maximum(share, TINY)))


def _error(y: NDArray[Any]) -> float:
    return float(1 - np.bincount(y).max() / len(y))
