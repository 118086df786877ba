"""How far apart two values of one model may lie: what rounding explains, and no more.

A share of the value alone would be wrong near 0, where rounding is one of the predictions: so it is
measured what the value comes to where each prediction is off by as much as rounding is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

DRAWS = 6  # of predictions that are off


@dataclass(frozen=True)
class Rounding:
    """What a precision leaves uncertain.

    Attributes:
        loss: share of a loss; metrics are as exact as the predictions.
        predictions: share of a sample's largest output, by which each of its outputs may be off.
    """

    loss: float
    predictions: float


# Measured on a CPU, between training and the reloaded model, 2026-11-26: 6e-5 of the value at most
# in float32 and 4e-4 in mixed_float16, where it is near 0, and 5e-2 in mixed_bfloat16.
TF32 = "tf32"  # how GPUs multiply float32 unless told otherwise: with 10 bits
OF = {
    "float32": Rounding(1e-4, 2e-6),
    TF32: Rounding(1e-2, 1e-3),
    "mixed_float16": Rounding(2e-2, 1e-3),
    "mixed_bfloat16": Rounding(2e-1, 8e-3),
}


def of(
    rounding: Rounding,
    recorded: float,
    predictions: NDArray[np.float32],
    value: Callable[[NDArray[np.float32]], float],
    *,
    is_loss: bool = True,
) -> float:
    """The greatest honest difference from a recorded value.

    Args:
        rounding: of the model's precision.
        recorded: the value.
        predictions: of the reloaded model, (N, outputs).
        value: what predictions come to.
        is_loss: whether it is a loss.
    """
    found = value(predictions)
    shifts = (abs(value(each) - found) for each in _off(predictions, rounding.predictions))
    share = rounding.loss if is_loss else OF["float32"].loss
    return share * abs(recorded) + max(filter(math.isfinite, shifts), default=0.0)


def _off(predictions: NDArray[np.float32], share: float) -> list[NDArray[Any]]:
    """Predictions that are all too large, all too small, or either by chance; always the same."""
    drawn = np.random.default_rng(0).choice([-1.0, 1.0], (DRAWS, *predictions.shape))
    signs = [np.float64(1.0), np.float64(-1.0), *drawn]
    size = share * np.abs(predictions).max(axis=-1, keepdims=True, initial=0.0)
    return [(predictions + size * sign).astype(np.float32) for sign in signs]
