"""The batches of an epoch, as `model.fit` takes them with each of Keras' backends."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from studyhall.search.training import backend
from studyhall.search.training.feeding import Samples

# JAX computes with integers of 32 bits, and would say so of each batch that has wider ones.
_NARROWER = {"int64": np.int32, "uint64": np.uint32}


class ArrayBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of (x, y) or (x, y, weights) as arrays, x dense, cut when they are asked for.

    Args:
        samples: The samples.
        order: Indexes of shape (n,).
        size: Samples per batch; the last may have fewer.
    """

    def __init__(self, samples: Samples, order: np.ndarray, size: int) -> None:
        super().__init__()
        self._samples, self._order, self._size = samples, order, size

    def __len__(self) -> int:
        """Return the number of batches."""
        return math.ceil(len(self._order) / self._size)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        """Return a batch by its number, from 0."""
        chosen = self._order[index * self._size : (index + 1) * self._size]
        found: tuple[Any, ...] = keras.tree.map_structure(_narrow, self._samples.batch(chosen))
        return found

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """Yield each batch once, which older versions of Keras do not do by themselves."""
        return (self[index] for index in range(len(self)))


def of(samples: Samples, order: np.ndarray, size: int, *, stream: bool) -> Any:
    """Return samples in batches, which can be iterated any number of times.

    Args:
        samples: The samples.
        order: Indexes of shape (n,).
        size: Samples per batch; the last may have fewer.
        stream: Don't hold all samples as tensors, which only TensorFlow would.
    """
    if backend.name() != backend.TENSORFLOW:
        return ArrayBatches(samples, order, size)
    from studyhall.search.training import tensors  # another backend needs no TensorFlow

    return tensors.batches(samples, order, size, stream=stream)


def _narrow(array: np.ndarray) -> np.ndarray:
    narrower = _NARROWER.get(array.dtype.name) if backend.name() == backend.JAX else None
    return array if narrower is None else array.astype(narrower)
