"""The stored history of a trial: its folds, best epoch and metrics.

A history is a list of epochs, each a dict with ``epoch`` (from 1), perhaps ``fold`` (from 0), and
the metrics: ``loss``, ``val_loss``, ``<metric>``, ``val_<metric>``, ``learning_rate`` and others.
A number that was not finite may be missing, None, or NaN. In the database the metrics are a nested
dict; ``flat`` converts that form to this one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from studyhall.search.study_file import objectives

TRAIN, VALIDATION = "#4878a8", "#d9612b"  # colours of the two curves, wherever they are drawn
COLOURS = (
    VALIDATION, TRAIN, "#4a9b6e", "#8e63b0", "#c29a2c", "#4fa3b8", "#b0587f", "#7d7d7d",
)  # fmt: skip
WIDE = 30.0  # a loss that spans more than this factor is drawn on a log scale

Epoch = Mapping[str, Any]
History = Sequence[Epoch]


def flat(stored: History) -> list[dict[str, Any]]:
    """Return a history of the database in flat form: the metrics next to the epoch's number."""
    return [
        {**{key: epoch[key] for key in epoch if key not in ("metrics", "value")}, **_metrics(epoch)}
        for epoch in stored
    ]


def number(epoch: Epoch, name: str) -> float:
    """Return the metric of that name; NaN if it is missing or not finite."""
    found = epoch.get(name)
    return float(found) if found is not None and math.isfinite(found) else math.nan


def best_epoch(history: History, name: str = "val_loss", sign: float = 1.0) -> Epoch | None:
    """Return the epoch with the lowest validation loss; None if no epoch has a finite one.

    Args:
        name: the metric to compare epochs by.
        sign: 1 if lower is better, -1 if higher is better.
    """
    finite = [epoch for epoch in history if math.isfinite(number(epoch, name))]
    return min(finite, key=lambda epoch: sign * number(epoch, name), default=None)


def folds(history: History) -> list[list[Epoch]]:
    """Return the epochs of each fold, in order; a single list without cross-validation."""
    found: dict[Any, list[Epoch]] = {}
    for epoch in history:
        found.setdefault(epoch.get("fold", 0), []).append(epoch)
    return list(found.values())


def at_best(history: History, name: str = "val_loss", sign: float = 1.0) -> dict[str, float] | None:
    """Return the metrics of the best epoch, averaged over folds and repeats; None if none."""
    bests = [best for part in folds(history) if (best := best_epoch(part, name, sign))]
    if not bests:
        return None
    return {key: fmean(number(best, key) for best in bests) for key in bests[0]}


def last_epoch(history: History) -> int:
    """Return the number of the last epoch; 0 if none has finished."""
    return max((int(epoch["epoch"]) for epoch in history), default=0)


def metrics(history: History) -> list[str]:
    """Return the metrics measured on both training and validation set, the loss first.

    Names that begin with ``keras_`` are left out: they are Keras's losses, penalties included.
    """
    names = dict.fromkeys(name for epoch in history for name in epoch)
    both = [name for name in names if f"val_{name}" in names]
    return ["loss", *(name for name in both if name != "loss" and not name.startswith("keras_"))]


def drawn(history: History, objective: str) -> list[str]:
    """Return the metrics to plot: the loss, and the objective or else the first other metric.

    Args:
        objective: the metric that is the trial's value.
    """
    own = objectives.recorded(objective).removeprefix("val_")
    known = any(f"val_{own}" in epoch for epoch in history)
    return ["loss", own] if known and own != "loss" else metrics(history)[:2]


def spans_widely(history: History) -> bool:
    """Return True if the losses span so wide a range that a log scale is needed."""
    numbers = [number(row, key) for row in history for key in ("loss", "val_loss")]
    finite = [each for each in numbers if math.isfinite(each)]
    return bool(finite) and min(finite) > 0 and max(finite) > WIDE * min(finite)


def _metrics(stored: Epoch) -> dict[str, Any]:
    metrics = dict(stored.get("metrics", {}))
    if "value" in stored:
        metrics.setdefault("val_loss", stored["value"])
    return metrics
