"""A logarithmic axis of values for Optuna's plot of parallel coordinates, which has none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

TICKS = 5


def spread(lines: Sequence[Any], annotations: Sequence[Any], low: float, high: float) -> None:
    """Move the lines' first points, and the labels of the first axis, to a logarithmic scale.

    Args:
        lines: the lines, a trace per trial; the first axis runs linearly from 0 to 1.
        annotations: labels of all axes.
        low, high: the values at the axis' ends; above 0 and different.
    """
    for line in lines:
        value = low + float(line.y[0]) * (high - low)
        line.y = (_place(value, low, high), *line.y[1:])
    marks = [float(mark) for mark in np.geomspace(low, high, num=TICKS)]
    labels = [note for note in annotations if note.x == 0]
    for note, mark in zip(labels, marks, strict=True):
        note.update(y=_place(mark, low, high), text=f"{mark:.3g}")


def _place(value: float, low: float, high: float) -> float:
    return math.log(max(value, low) / low) / math.log(high / low)
