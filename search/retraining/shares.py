"""Shares of a fold's training part: nested, and cut as the study's splits are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from studyhall.search.data import splits
from studyhall.search.data.parts import Fold

SMALLER = (75, 50, 25)  # percent, each cut from the one before it


def share(fold: Fold, percent: int) -> Fold:
    """The fold with some of its training samples, which are part of any larger share.

    Classes keep their proportions; groups stay whole, so that a share is as large as they allow.

    Args:
        percent: of the training part.

    Raises:
        DataError: too few samples for all classes, or too few groups.
    """
    rows, labels = fold.train_rows, fold.train_labels
    for smaller in SMALLER:
        if smaller < percent:
            break
        count = max(1, round(len(fold.train_rows) * smaller / 100))
        chosen = np.sort(splits.sample(labels, count, seed=0))
        rows, labels = rows[chosen], labels.of(chosen)
    return replace(fold, train_rows=rows, train_labels=labels)
