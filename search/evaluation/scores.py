"""The scores of predictions: accuracy, precision, recall, F-scores, calibration, or errors.

Precision, recall, F-scores and the confusion matrix are the measures of the book chapter
'structuring DL projects and hyperparameter tuning'; scikit-learn computes them.
The calibration error follows Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural
networks", 2017.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import metrics

from studyhall.search.evaluation import intervals

Scores = dict[str, Any]

BINARY, MULTICLASS, MULTILABEL, REGRESSION = "binary", "multiclass", "multilabel", "regression"
BETAS = {"f1": 1.0, "f0.5": 0.5, "f2": 2.0}  # weight of recall in an F-score
THRESHOLD = 0.5  # probabilities from here on count as positive
BINS = 10  # bins of equal width for probabilities from 0 to 1


def scores(task: str, classes: Sequence[str], y: ArrayLike, prediction: ArrayLike) -> Scores:
    """Score predictions by the measures of a task, as JSON-able values.

    Args:
        task: binary, multiclass, multilabel or regression.
        classes: Names, in the order of the indexes; for multilabel those of the labels, for
            regression those of the target columns (or none).
        y: Targets: class indexes (N,), labels of 0 and 1 (N, k), numbers (N,) or (N, k).
        prediction: Model outputs: probabilities (N, 1) or (N,), (N, classes) or (N, k),
            numbers (N,) or (N, k).

    Returns:
        Classification: ``task``, ``samples``, ``accuracy``, ``macro`` (means over classes) and
        ``micro`` (over all decisions) of ``precision``, ``recall``, ``f1``, ``f0.5``, ``f2``,
        ``macro`` also of ``roc_auc``; ``classes`` (a list with ``name``, these, ``samples``),
        ``calibration`` and ``confusion`` (rows are true classes, columns predicted ones).
        Multilabel: the same, accuracy being the share of samples with every label right,
        ``confusion`` one 2 × 2 matrix per label. Regression: ``task``, ``samples``, ``mae``,
        ``rmse``, ``r2``, and ``intervals`` (95 %) of the first two. None for an undefined score,
        such as the ROC-AUC of an absent class.

    Raises:
        ValueError: The lengths differ, or the task is unknown.
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
    """Return class indexes (N,), or labels of 0 and 1 (N, k), from a model's probabilities."""
    predicted: NDArray[Any] = np.asarray(prediction)
    if task == MULTICLASS:
        return np.asarray(np.argmax(predicted, axis=-1), dtype=np.int64)
    yes = (predicted >= THRESHOLD).astype(np.int64)
    return yes.reshape(len(yes)) if task == BINARY else yes


def _of_numbers(y: NDArray[Any], predicted: NDArray[Any]) -> Scores:
    y = y.reshape(len(y), -1)  # sequences and masks are scored value by value
    predicted = predicted.reshape(y.shape)
    errors = predicted.astype(np.float64) - y
    ends = {
        "mae": intervals.of_mean(np.abs(errors).mean(axis=1)),
        "rmse": intervals.of_rmse(errors**2),
    }
    return {
        "task": REGRESSION,
        "samples": len(y),
        "mae": float(metrics.mean_absolute_error(y, predicted)),
        "rmse": float(metrics.root_mean_squared_error(y, predicted)),
        # A single sample has no variance to explain.
        "r2": float(metrics.r2_score(y, predicted)) if len(y) > 1 else None,
        "intervals": {name: list(found) for name, found in ends.items() if found},
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
        **_per_class(classes, y, chosen, indexes, _of_each(task, predicted)),
        "calibration": _calibration(task, y, chosen, predicted),
        "confusion": matrix.tolist(),
    }


def _of_labels(classes: Sequence[str], y: NDArray[Any], predicted: NDArray[Any]) -> Scores:
    chosen = decided(MULTILABEL, predicted)
    wanted = y.astype(np.int64)
    return {
        "task": MULTILABEL,
        "samples": len(y),
        "accuracy": float(metrics.accuracy_score(wanted, chosen)),
        **_per_class(classes, wanted, chosen, list(range(len(classes))), predicted),
        "calibration": _calibration(MULTILABEL, wanted, chosen, predicted),
        "confusion": metrics.multilabel_confusion_matrix(wanted, chosen).tolist(),
    }


def _per_class(
    classes: Sequence[str],
    y: NDArray[Any],
    chosen: NDArray[Any],
    indexes: list[int],
    probabilities: NDArray[Any],
) -> Scores:
    """Return the scores of each class, their means, and those over all decisions.

    Args:
        classes: names of the classes.
        y: targets.
        chosen: predicted classes or labels.
        indexes: indexes of the classes.
        probabilities: probability of each class, (N, classes).
    """
    known = {"labels": indexes, "zero_division": 0.0}
    columns = _f_scores(y, chosen, average=None, **known)
    samples = metrics.precision_recall_fscore_support(y, chosen, **known)[3]
    lines: list[Scores] = [
        {
            "name": name,
            **{key: float(values[index]) for key, values in columns.items()},
            "roc_auc": _roc_auc(y[:, index] if y.ndim > 1 else y == index, probabilities[:, index]),
            "samples": int(samples[index]),
        }
        for index, name in enumerate(classes)
    ]
    macro: Scores = {key: float(np.mean(values)) for key, values in columns.items()}
    areas = [line["roc_auc"] for line in lines if line["roc_auc"] is not None]
    macro["roc_auc"] = float(np.mean(areas)) if areas else None
    micro = {key: float(value) for key, value in _f_scores(y, chosen, "micro", **known).items()}
    return {"macro": macro, "micro": micro, "classes": lines}


def _f_scores(y: NDArray[Any], chosen: NDArray[Any], average: str | None, **known: Any) -> Scores:
    """Return precision, recall and the F-scores of `BETAS`."""
    with_beta = {
        name: metrics.precision_recall_fscore_support(
            y, chosen, beta=beta, average=average, **known
        )
        for name, beta in BETAS.items()
    }
    precision, recall, *_ = with_beta["f1"]
    scored = {name: found[2] for name, found in with_beta.items()}
    return {"precision": precision, "recall": recall, **scored}


def _of_each(task: str, predicted: NDArray[Any]) -> NDArray[Any]:
    """Return probabilities (N, classes), also for two classes with a single output column."""
    if task != BINARY:
        return predicted
    yes = predicted.reshape(len(predicted))
    return np.stack([1 - yes, yes], axis=1)


def _roc_auc(y: NDArray[Any], probability: NDArray[Any]) -> float | None:
    """Return the ROC-AUC of one class against the others; None if either side has no samples."""
    return float(metrics.roc_auc_score(y, probability)) if 0 < np.sum(y) < len(y) else None


def _calibration(
    task: str, y: NDArray[Any], chosen: NDArray[Any], predicted: NDArray[Any]
) -> Scores:
    """Return the calibration of the predicted class; for labels, of each label's decision."""
    if task == MULTICLASS:
        confidence = predicted.max(axis=-1)
    else:
        yes = predicted.reshape(chosen.shape)
        confidence = np.where(chosen == 1, yes, 1 - yes)
    return calibration(confidence.ravel(), (chosen == y).ravel())


def calibration(confidence: NDArray[Any], right: NDArray[Any]) -> dict[str, Any]:
    """Compare a model's confidence with its accuracy.

    Args:
        confidence: (N,) probability of the predicted class, 0 to 1.
        right: (N,) True where the prediction was right.

    Returns:
        ``error``, the mean over samples of the difference between confidence and accuracy in
        their bin, and ``bins``, a list of ``above``, ``up_to``, ``samples``, ``confidence`` and
        ``accuracy`` (the bin's means) for each bin that has samples.
    """
    # Bins include their upper bound; a confidence of 0 belongs to the first bin.
    place = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    bins = [_bin(number, confidence, right, place == number) for number in np.unique(place)]
    off = sum(each["samples"] * abs(each["confidence"] - each["accuracy"]) for each in bins)
    return {"error": float(off / max(len(place), 1)), "bins": bins}


def _bin(
    number: int, confidence: NDArray[Any], right: NDArray[Any], inside: NDArray[np.bool_]
) -> dict[str, Any]:
    return {
        "above": int(number) / BINS,
        "up_to": (int(number) + 1) / BINS,
        "samples": int(inside.sum()),
        "confidence": float(confidence[inside].mean()),
        "accuracy": float(right[inside].mean()),
    }
