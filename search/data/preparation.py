"""Normalisation of samples: fitted on the training part only, exported with the model.

It is computed in float64 and returns float32: a Unix time in milliseconds, for example, would lose
everything below about two minutes in float32. 8-bit images are computed in float32, which is exact
enough and takes half the memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from studyhall.search.data.arrays import Samples
from studyhall.search.data.errors import refusal
from studyhall.search.data.rows_on_disk import RowsOnDisk
from studyhall.search.data.trees import Tree

Floats = NDArray[np.float64]
Kind = Literal["none", "standard", "scale"]

BLOCK = 1 << 20  # values converted to float64 at a time, to limit memory
EIGHT_BITS = 255.0  # largest value of an 8-bit pixel
NOISE = 10 * np.finfo(np.float64).eps  # a smaller deviation, relative to the mean, is rounding


@dataclass(frozen=True, eq=False)
class Preparation:
    """The normalisation `(x − subtract) · (1 / divide)`, by column or channel.

    Source: the book chapter "structuring DL projects and hyperparameter tuning" (mean and standard
    deviation of the training set); the university slides on model tuning (pixels to 0…1).

    Attributes:
        kind: "none", "standard" (mean 0, deviation 1) or "scale" (to 0…1).
        subtract: () or (columns,) means or minima.
        divide: () or (columns,) standard deviations or ranges.
        light: True for 8-bit samples, for which float32 is precise enough.
        fill: (columns,) normalised means, which stand for missing numbers; None if none is missing.
    """

    kind: Kind = "none"
    subtract: Floats = field(default_factory=lambda: np.zeros(()))
    divide: Floats = field(default_factory=lambda: np.ones(()))
    light: bool = False
    fill: Floats | None = None

    def apply(self, x: Samples) -> Samples:
        """Return normalised samples as float32 of the same shape.

        Sparse rows stay sparse; rows on disk stay there, and are normalised as they are read.
        """
        if isinstance(x, Tree):
            return x
        if isinstance(x, RowsOnDisk):
            return x.prepared(self.apply, np.float32)
        if self.kind == "none":
            return self._filled(x.astype(np.float32))
        if self.light:
            return self._computed(x.astype(np.float32))
        prepared = np.empty(x.shape, np.float32)
        for rows in _blocks(x):
            prepared[rows] = self._computed(x[rows].astype(np.float64))
        return self._filled(prepared)

    def layers(self) -> list[Any]:
        """Return Keras layers and operations that do the same, to prepend to an exported model.

        They take inputs of `dtype` and return float32.
        """
        filling = [] if self.fill is None else [self._filling]
        return [*self._rescaling(), *filling]

    def _rescaling(self) -> list[Any]:
        import keras

        if self.kind == "none":
            return []
        steps = [(1.0, -self.subtract), (1 / self.divide, np.zeros(()))]
        needed = steps if self.subtract.any() else steps[1:]
        # As arrays, since Keras converts plain numbers and lists to float32.
        computed = [
            keras.layers.Rescaling(np.asarray(scale), offset, dtype=self.dtype)
            for scale, offset in needed
        ]
        return [*computed, keras.layers.Identity(dtype="float32", name="prepared")]

    @property
    def dtype(self) -> str:
        """The type in which the normalisation is computed: "float32" or "float64"."""
        return "float32" if self.light or self.kind == "none" else "float64"

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers of the normalisation as a JSON-serialisable dict."""
        filled = {} if self.fill is None else {"fill": self.fill.tolist()}
        if self.kind == "none":
            return {"kind": "none", **filled}
        return {
            "kind": self.kind,
            "subtract": self.subtract.tolist(),
            "divide": self.divide.tolist(),
            "dtype": self.dtype,
            **filled,
        }

    def _filled(self, x: Samples) -> Samples:
        """Replace missing numbers in place."""
        if self.fill is not None:
            missing = np.nonzero(np.isnan(x))
            x[missing] = self.fill[missing[-1]]
        return x

    def _filling(self, x: Any) -> Any:
        import keras

        assert self.fill is not None
        return keras.ops.where(keras.ops.isnan(x), self.fill.astype(np.float32), x)

    def _computed(self, x: NDArray[Any]) -> NDArray[Any]:
        """Normalise in place; subtract first, since scaling a large mean loses small deviations."""
        if self.subtract.any():
            x -= self.subtract.astype(x.dtype)
        x *= (1 / self.divide).astype(x.dtype)
        return x


def fit(
    x: Samples, normalize: str = "auto", one_hot: tuple[bool, ...] = (), *, gaps: bool = False
) -> Preparation:
    """Fit the normalisation on the training part.

    Args:
        x: training samples. (N, height, width, channels) are images.
        normalize: "none", "standard", "scale", or "auto": images are scaled to 0…1 unless they
            have negative values; sparse rows are unchanged; everything else is standardised.
        one_hot: True for each column that is not to be normalised.
        gaps: True for rows (N, columns), or windows of rows (N, steps, columns), in which NaN
            stands for missing numbers.

    Raises:
        DataError: "standard" or "scale" for sparse rows, which it would make dense, or for a tree,
            of which only the user's model knows how each part is to be normalised.
    """
    if sparse.issparse(x) or isinstance(x, Tree):
        if normalize not in ("auto", "none"):
            which = "several inputs" if isinstance(x, Tree) else "multi-hot rows"
            raise refusal("normalize", f'"{normalize}"', f'"none" for {which}')
        return Preparation()
    if x.dtype == object:  # texts, of which models get word numbers
        return Preparation()
    if gaps:
        return _with_gaps(x, normalize, one_hot)
    picture = x.ndim == 4
    if normalize == "scale" or (normalize == "auto" and picture and x.min() >= 0):
        return _pixels(x) if picture else _ranges(x, one_hot)
    return Preparation() if normalize == "none" else _standard(x, one_hot)


def _with_gaps(x: Samples, normalize: str, one_hot: tuple[bool, ...]) -> Preparation:
    """Fit each column on the numbers that it has."""
    fitted = [
        _column(x[..., number].reshape(-1), normalize, one_hot[number : number + 1])
        for number in range(x.shape[-1])
    ]
    subtract, divide, mean = (np.array(each, np.float64) for each in zip(*fitted, strict=True))
    kind: Kind = {"none": "none", "scale": "scale"}.get(normalize, "standard")  # type: ignore[assignment]
    return Preparation(kind, subtract, divide, fill=(mean - subtract) / divide)


def _column(
    column: NDArray[Any], normalize: str, one_hot: tuple[bool, ...]
) -> tuple[float, float, float]:
    """Return what to subtract, what to divide by, and the mean of a column's numbers."""
    there = column[~np.isnan(column)][:, np.newaxis]
    if not len(there):
        return 0.0, 1.0, 0.0
    mean = float(_mean(there)[0])
    if normalize == "none":
        return 0.0, 1.0, mean
    found = (_ranges if normalize == "scale" else _standard)(there, one_hot)
    return float(found.subtract[0]), float(found.divide[0]), mean


def _pixels(x: Samples) -> Preparation:
    low, high = float(min(x.min(), 0)), float(x.max())
    if low == 0 and high <= 1:
        return Preparation()
    high = EIGHT_BITS if x.dtype == np.uint8 else high
    return _preparation("scale", x, np.float64(low), np.float64(high - low))


def _ranges(x: Samples, one_hot: tuple[bool, ...]) -> Preparation:
    axes = tuple(range(x.ndim - 1))
    low, high = x.min(axis=axes).astype(np.float64), x.max(axis=axes).astype(np.float64)
    return _preparation("scale", x, *_but(one_hot, low, high - low))


def _standard(x: Samples, one_hot: tuple[bool, ...]) -> Preparation:
    columns = x if isinstance(x, RowsOnDisk) else x.reshape(-1, x.shape[-1])
    mean = _mean(columns)
    deviation = _deviation(columns, mean)
    noise = deviation <= NOISE * np.abs(mean)
    return _preparation("standard", x, *_but(one_hot, mean, np.where(noise, 0, deviation)))


def _mean(columns: Samples) -> Floats:
    """Return the mean of each column; summing distances from the first value loses no digits."""
    first = columns[0].reshape(-1, columns.shape[-1])[0].astype(np.float64)
    distances = np.sum([(part - first).sum(axis=0) for part in _wide(columns)], axis=0)
    mean: Floats = first + distances / _rows(columns)
    return mean


def _deviation(columns: Samples, mean: Floats) -> Floats:
    """Return the deviation of each column; dividing by the largest distance avoids overflow."""
    largest = np.max([np.abs(part - mean).max(axis=0) for part in _wide(columns)], axis=0)
    unit = np.where(largest > 0, largest, 1.0)
    squares = np.sum([np.square((p - mean) / unit).sum(axis=0) for p in _wide(columns)], axis=0)
    return np.where(largest > 0, unit * np.sqrt(squares / _rows(columns)), 0.0)


def _wide(columns: Samples) -> Iterator[Floats]:
    width = columns.shape[-1]
    return (columns[rows].reshape(-1, width).astype(np.float64) for rows in _blocks(columns))


def _rows(columns: Samples) -> int:
    return int(columns.size // columns.shape[-1])


def _blocks(x: Samples) -> Iterator[slice]:
    """Yield slices of rows with about `BLOCK` values each."""
    step = max(1, BLOCK * len(x) // max(1, x.size))
    return (slice(start, start + step) for start in range(0, len(x), step))


def _but(one_hot: tuple[bool, ...], subtract: Floats, divide: Floats) -> tuple[Floats, Floats]:
    """Exempt columns of categories, and divide constant columns by 1."""
    kept = np.array(one_hot) if one_hot else np.zeros(len(divide), bool)
    return np.where(kept, 0.0, subtract), np.where(kept | (divide == 0), 1.0, divide)


def _preparation(kind: Kind, x: Samples, subtract: Any, divide: Any) -> Preparation:
    return Preparation(kind, np.asarray(subtract), np.asarray(divide), x.dtype == np.uint8)
