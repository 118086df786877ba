"""The tolerance between two values of one model: as much as rounding explains, and no more.

A fixed share of the value would be wrong near 0, where the rounding errors of the predictions
dominate. So the value is computed again with each prediction shifted by as much as rounding may.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

DRAWS = 8  # sets of shifted predictions


@dataclass(frozen=True)
class Rounding:
    """The rounding errors of a precision.

    Attributes:
        loss: share of a loss; metrics are as exact as the predictions.
        predictions: share of a sample's largest output by which each of its outputs may be off.
    """

    loss: float
    predictions: float


# Measured on a CPU, between training and the reloaded model, 2026-11-26: at most 6e-5 of the value
# in float32, 4e-4 in mixed_float16 (for values near 0) and 5e-2 in mixed_bfloat16.
TF32 = "tf32"  # default precision of float32 products on GPUs: 10 bits of mantissa
OF = {
    "float32": Rounding(1e-4, 2e-6),
    TF32: Rounding(1e-2, 1e-3),
    "mixed_float16": Rounding(2e-2, 1e-3),
    "mixed_bfloat16": Rounding(2e-1, 8e-3),
}


def measured(
    rounding: Rounding,
    recorded: float,
    model: keras.Model,
    value: Callable[[Any], float],
    *,
    is_loss: bool = True,
) -> tuple[float, float]:
    """Return a model's value, and the largest difference from a recorded one due to rounding.

    Args:
        rounding: rounding errors of the model's precision.
        recorded: the recorded value.
        model: the reloaded model.
        value: returns a model's value; it must call the model with the same samples in the same
            order each time.
        is_loss: the value is a loss, not a metric.

    Returns:
        The value, and the tolerance in the value's unit.
    """
    kept = _Kept(model)
    found = value(kept)
    shifts = (abs(value(_Off(kept, rounding.predictions, draw)) - found) for draw in range(DRAWS))
    share = rounding.loss if is_loss else OF["float32"].loss
    return found, share * abs(recorded) + max(filter(math.isfinite, shifts), default=0.0)


class _Kept:
    """A model that records its outputs."""

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        self.answers: list[Any] = []

    def __call__(self, x: Any, training: bool = False) -> Any:
        """Return and record the model's outputs."""
        self.answers.append(self.model(x, training=training))
        return self.answers[-1]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)


class _Off(_Kept):
    """A model that returns recorded outputs, shifted: all up, all down, or at random."""

    def __init__(self, kept: _Kept, share: float, draw: int) -> None:
        super().__init__(kept.model)
        self._given = iter(kept.answers)
        self._share = share
        self._draw = draw
        self._random = np.random.default_rng(draw)

    def __call__(self, x: Any, training: bool = False) -> Any:
        """Return the next recorded outputs, shifted."""
        return keras.tree.map_structure(self._off, next(self._given))

    def _off(self, given: Any) -> Any:
        outputs = keras.ops.convert_to_numpy(given)
        size = self._share * np.abs(outputs).max(axis=-1, keepdims=True, initial=0.0)
        if self._draw < 2:
            signs = np.full(outputs.shape, 1.0 - 2.0 * self._draw)
        else:
            signs = self._random.choice([-1.0, 1.0], outputs.shape)
        return keras.ops.convert_to_tensor((outputs + size * signs).astype(outputs.dtype))
