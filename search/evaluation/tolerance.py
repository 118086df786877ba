"""How far apart two values of one model may lie: what rounding explains, and no more.

A share of the value alone would be wrong near 0, where rounding is one of the predictions: so it is
measured what the value comes to where each prediction is off by as much as rounding is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

DRAWS = 8  # of predictions that are off


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


def measured(
    rounding: Rounding,
    recorded: float,
    model: keras.Model,
    value: Callable[[Any], float],
    *,
    is_loss: bool = True,
) -> tuple[float, float]:
    """What a model scores, and its greatest honest difference from a recorded value.

    Args:
        rounding: of the model's precision.
        recorded: the value.
        model: that is reloaded.
        value: what a model comes to; calls it, always with the same samples in the same order.
        is_loss: whether it is a loss.
    """
    kept = _Kept(model)
    found = value(kept)
    shifts = (abs(value(_Off(kept, rounding.predictions, draw)) - found) for draw in range(DRAWS))
    share = rounding.loss if is_loss else OF["float32"].loss
    return found, share * abs(recorded) + max(filter(math.isfinite, shifts), default=0.0)


class _Kept:
    """A model that keeps what it has answered."""

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        self.answers: list[Any] = []

    def __call__(self, x: Any, training: bool = False) -> Any:
        """The model's outputs."""
        self.answers.append(self.model(x, training=training))
        return self.answers[-1]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)


class _Off(_Kept):
    """The same answers, each output off: all too large, all too small, or either by chance."""

    def __init__(self, kept: _Kept, share: float, draw: int) -> None:
        super().__init__(kept.model)
        self._given = iter(kept.answers)
        self._share = share
        self._draw = draw
        self._random = np.random.default_rng(draw)

    def __call__(self, x: Any, training: bool = False) -> Any:
        """The next answer."""
        return keras.tree.map_structure(self._off, next(self._given))

    def _off(self, given: Any) -> Any:
        outputs = keras.ops.convert_to_numpy(given)
        size = self._share * np.abs(outputs).max(axis=-1, keepdims=True, initial=0.0)
        if self._draw < 2:
            signs = np.full(outputs.shape, 1.0 - 2.0 * self._draw)
        else:
            signs = self._random.choice([-1.0, 1.0], outputs.shape)
        return keras.ops.convert_to_tensor((outputs + size * signs).astype(outputs.dtype))
