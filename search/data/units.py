"""The scale of a regression's targets: networks learn numbers near 0, users have prices.

A built-in family computes in these units and returns the user's, so that losses, metrics and the
exported model are all in the user's units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Units:
    """The mean and the deviation of each target in the training part.

    Attributes:
        mean: (outputs,).
        deviation: (outputs,), 1 for targets that are all the same.
    """

    mean: Floats
    deviation: Floats


def fit(y: NDArray[np.float32]) -> Units:
    """Return the units of targets (N,) or (N, outputs)."""
    columns = y.reshape(len(y), -1).astype(np.float64)
    deviation = columns.std(axis=0)
    return Units(columns.mean(axis=0), np.where(deviation > 0, deviation, 1.0))
