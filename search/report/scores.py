"""How good predictions are: accuracy, precision, recall and F1 per class, or errors in numbers.

Precision, recall, F-score and the confusion matrix are what the book chapter 'structuring DL
projects and hyperparameter tuning' judges classifiers by; scikit-learn computes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import metrics

Scores = dict[str, Any]

BINARY, MULTICLASS, MULTILABEL, REGRESSION = "binary", "multiclass", "multilabel", "regression"
THRESHOLD = 0.5  # a probability from here on is a yes


def scores(task: str, classes: Sequence[str], y: ArrayLike, prediction: ArrayLike) -> Scores:
    """Score predictions by what the task asks for, as JSON-able values.

    Args:
        task: binary, multiclass, multilabel or regression.
        classes: Names, in the order of the indexes; of the labels where multilabel, of the
            target columns (or nothing) where regression.
        y: Targets: class indexes (N,), labels of 0 and 1 (N, k), numbers (N,) or (N, k).
        prediction: What the model gave: probabilities (N, 1) or (N,), (N, classes) or (N, k),
            numbers (N,) or (N, k).

    Returns:
        Classification: ``task``, ``samples``, ``accuracy``, ``macro`` (mean over classes of
        ``precision``, ``recall``, ``f1``), ``classes`` (a list of ``name``, ``precision``,
        ``recall``, ``f1``, ``samples``) and ``confusion`` (rows are true classes, columns
        predicted ones). Multilabel: the same, accuracy being the share of samples with every
        label right, ``confusion`` one 2 × 2 matrix per label. Regression: ``task``, ``samples``,
        ``mae``, ``rmse``, ``r2``.

    Raises:
        ValueError: The shapes do not belong together, or there is no such task.
    """
    predicted = np.asarray(prediction)
    wanted = np.asarray(y)
    if len(predicted) != len(wanted):
        raise ValueError(f"received {len(predicted)} predictions, expected {len(wanted)}")
    if task == REGRESSION:
        return _of_numbers(wanted, predicted)
    if task == MULTILABEL:
        return _of_labels(classes, wanted, predicted)
    if task in (BINARY, MULTICLASS):
        return _of_classes(task, classes, wanted, predicted)
    raise ValueError(
        f"task: received {task}, expected {BINARY}, {MULTICLASS}, {MULTILABEL} or {REGRESSION}"
    )


def decided(task: str, prediction: ArrayLike) -> NDArray[np.int64]:
    """Class indexes (N,), or labels of 0 and 1 (N, k), from a model's probabilities."""
    predicted: NDArray[Any] = np.asarray(prediction)
    if task == MULTICLASS:
        return np.asarray(np.argmax(predicted, axis=-1), dtype=np.int64)
    yes = (predicted >= THRESHOLD).astype(np.int64)
    return yes.reshape(len(yes)) if task == BINARY else yes


def _of_numbers(y: NDArray[Any], predicted: NDArray[Any]) -> Scores:
    predicted = predicted.reshape(y.shape)
    return {
        "task": REGRESSION,
        "samples": len(y),
        "mae": float(metrics.mean_absolute_error(y, predicted)),
        "rmse": float(metrics.root_mean_squared_error(y, predicted)),
        # A single sample has no variance to explain.
        "r2": float(metrics.r2_score(y, predicted)) if len(y) > 1 else None,
    }


def _of_classes(
    task: str, classes: Sequence[str], y: NDArray[Any], predicted: NDArray[Any]
) -> Scores:
    chosen = decided(task, predicted)
    indexes = list(range(len(classes)))
    matrix = metrics.confusion_matrix(y, chosen, labels=indexes)
    return {
        "task": task,
        "samples": len(y),
        "accuracy": float(metrics.accuracy_score(y, chosen)),
        **_per_class(classes, y, chosen, indexes),
        "confusion": matrix.tolist(),
    }


def _of_labels(classes: Sequence[str], y: NDArray[Any], predicted: NDArray[Any]) -> Scores:
    chosen = decided(MULTILABEL, predicted)
    wanted = y.astype(np.int64)
    return {
        "task": MULTILABEL,
        "samples": len(y),
        "accuracy": float(metrics.accuracy_score(wanted, chosen)),
        **_per_class(classes, wanted, chosen, list(range(len(classes)))),
        "confusion": metrics.multilabel_confusion_matrix(wanted, chosen).tolist(),
    }


def _per_class(
    classes: Sequence[str], y: NDArray[Any], chosen: NDArray[Any], indexes: list[int]
) -> Scores:
    columns = metrics.precision_recall_fscore_support(y, chosen, labels=indexes, zero_division=0.0)
    lines = [
        {
            "name": name,
            "precision": float(precision),
            "recall": float(recall),
            "f1": float(f1),
            "samples": int(samples),
        }
        for name, precision, recall, f1, samples in zip(classes, *columns, strict=True)
    ]
    named = ("precision", "recall", "f1")
    macro = {key: float(np.mean([line[key] for line in lines])) for key in named}
    return {"macro": macro, "classes": lines}
