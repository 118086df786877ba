"""Normalisation: fitted on the training part only, exported with the model."""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.preprocessing import StandardScaler

from search.data.arrays import Samples
from search.data.data_error import refusal

Floats = NDArray[np.float32]
Kind = Literal["none", "standard", "scale"]

BLOCK = 1 << 20  # values per column that are looked at in one go
EIGHT_BITS = 255.0  # the greatest value of a pixel of 8 bits


@dataclass(frozen=True, eq=False)
class Preparation:
    """`(x − subtract) / divide` by column, or by channel for pictures, in float32.

    Source: the book chapter "structuring DL projects and hyperparameter tuning" (mean and standard
    deviation of the training set); the university slides on model tuning (pixels to 0…1).

    Attributes:
        kind: "none", "standard" (mean 0, deviation 1) or "scale" (to 0…1).
        subtract: () or (columns,) means, or least values.
        divide: () or (columns,) standard deviations, or ranges.
    """

    kind: Kind = "none"
    subtract: Floats = field(default_factory=lambda: np.zeros((), np.float32))
    divide: Floats = field(default_factory=lambda: np.ones((), np.float32))

    def apply(self, x: Samples) -> Samples:
        """Prepared samples, float32 of the same shape; sparse rows stay sparse."""
        if self.kind == "none":
            return x.astype(np.float32)
        prepared = x.astype(np.float32)
        if self.kind == "standard":
            prepared -= self.subtract
            prepared /= self.divide
        else:
            prepared *= self._scale
            prepared += self._offset
        return prepared

    def layers(self) -> list[Any]:
        """Plain Keras layers that do the same, for the front of an exported model."""
        import keras

        if self.kind == "standard":
            mean, variance = self.subtract.tolist(), np.square(self.divide, dtype=float).tolist()
            return [keras.layers.Normalization(mean=mean, variance=variance, dtype="float32")]
        if self.kind == "scale":
            scale, offset = self._scale.tolist(), self._offset.tolist()
            return [keras.layers.Rescaling(scale, offset, dtype="float32")]
        return []

    def to_dict(self) -> dict[str, Any]:
        """Everything needed to prepare samples by other means, ready for JSON."""
        if self.kind == "none":
            return {"kind": "none"}
        return {
            "kind": self.kind,
            "subtract": self.subtract.tolist(),
            "divide": self.divide.tolist(),
        }

    @property
    def _scale(self) -> Floats:
        return np.float32(1) / self.divide

    @property
    def _offset(self) -> Floats:
        return -self.subtract / self.divide


def fit(x: Samples, normalize: str = "auto", one_hot: tuple[bool, ...] = ()) -> Preparation:
    """The preparation that fits the training part.

    Args:
        x: training samples. (N, height, width, channels) are pictures.
        normalize: "none", "standard", "scale", or "auto": pictures are scaled to 0…1, unless they
            have negative values; multi-hot rows stay; everything else is standardised.
        one_hot: columns of 0 and 1 to be left alone.

    Raises:
        DataError: sparse rows cannot be normalised and stay sparse.
    """
    if sparse.issparse(x):
        if normalize not in ("auto", "none"):
            raise refusal("normalize", f'"{normalize}"', '"none" for multi-hot rows')
        return Preparation()
    picture = x.ndim == 4
    if normalize == "scale" or (normalize == "auto" and picture and x.min() >= 0):
        return _pixels(x) if picture else _ranges(x, one_hot)
    return Preparation() if normalize == "none" else _standard(x, one_hot)


def _pixels(x: Samples) -> Preparation:
    low, high = float(min(x.min(), 0)), float(x.max())
    if low == 0 and high <= 1:
        return Preparation()
    high = EIGHT_BITS if x.dtype == np.uint8 else high
    return Preparation("scale", *_floats(low, high - low))


def _ranges(x: Samples, one_hot: tuple[bool, ...]) -> Preparation:
    axes = tuple(range(x.ndim - 1))
    low, high = x.min(axis=axes).astype(float), x.max(axis=axes).astype(float)
    return Preparation("scale", *_floats(*_but(one_hot, low, high - low)))


def _standard(x: Samples, one_hot: tuple[bool, ...]) -> Preparation:
    scaler = StandardScaler()  # knows constant columns, and adds up without losing digits
    columns = x.reshape(-1, x.shape[-1])
    for start in range(0, len(columns), BLOCK):
        scaler.partial_fit(columns[start : start + BLOCK].astype(float))
    return Preparation("standard", *_floats(*_but(one_hot, scaler.mean_, scaler.scale_)))


def _but(
    one_hot: tuple[bool, ...], subtract: NDArray[Any], divide: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Leaves the columns of categories, and constant ones' width, as they are."""
    kept = np.array(one_hot) if one_hot else np.zeros(len(divide), bool)
    return np.where(kept, 0, subtract), np.where(kept | (divide == 0), 1, divide)


def _floats(subtract: Any, divide: Any) -> tuple[Floats, Floats]:
    return np.asarray(subtract, np.float32), np.asarray(divide, np.float32)
