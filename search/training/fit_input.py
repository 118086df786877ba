"""The input of `model.fit`: arrays in batches and in an order of our own, or a stream's batches."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Protocol

import keras
import numpy as np

from studyhall.search.training import backend, batches, feeding
from studyhall.search.training.feeding import BatchStream, Samples


class Counted:
    """Batches of unknown number, of which the last one is known for the last when it is yielded.

    At their end, TensorFlow's `fit` would begin another step, which changes some variables (Adam's
    number of iterations, seeds) before it fails for want of data. Knowing the last, it can end.

    Args:
        batches: The batches.

    Attributes:
        total: Their number, as soon as it is known.
    """

    def __init__(self, batches: Any) -> None:
        self.total: int | None = None
        self._batches = batches

    def each(self) -> Iterator[Any]:
        """Yield each batch, after reading the next."""
        following, number = iter(self._batches), 0
        given = next(following, None)
        while given is not None:
            number += 1
            ahead = next(following, None)
            self.total = number if ahead is None else None
            yield given
            given = ahead


class FitInput(Protocol):
    """Samples as `fit` takes them.

    Attributes:
        steps: Batches in an epoch; None if it is not known.
        counted: The batches of the current epoch, where their number is not known.
    """

    steps: int | None
    counted: Counted | None

    def epoch(self, number: int, seed: int) -> Any:
        """Return the batches of a training epoch, numbered from 1, of a training with that seed."""

    def same(self) -> Any:
        """Return all batches in an order that is always the same."""

    def first(self) -> Any:
        """Return the first batch, as something of one element."""

    def ended(self) -> None:
        """Take note that a training epoch has ended."""

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """Yield the batches (x, y[, weights]) that `same` returns."""


class OfArrays:
    """The batches of arrays.

    Args:
        samples: The samples.
        size: Samples per batch; the last may have fewer.
        stream: Don't hold all samples as tensors.
    """

    counted: Counted | None = None

    def __init__(self, samples: Samples, size: int, *, stream: bool) -> None:
        self._samples, self._size, self._stream = samples, size, stream
        self.steps: int | None = math.ceil(samples.number / size)

    def epoch(self, number: int, seed: int) -> Any:
        """Return all samples, shuffled."""
        return self._dataset(feeding.shuffled(seed, number, self._samples.number))

    def same(self) -> Any:
        """Return all samples in their order."""
        return self._in_order

    def first(self) -> Any:
        """Return the first samples."""
        return self._dataset(np.arange(min(self._size, self._samples.number)))

    def ended(self) -> None:
        """Do nothing."""

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """Yield the batches in order."""
        return iter(self._in_order)

    @cached_property
    def _in_order(self) -> Any:
        return self._dataset(np.arange(self._samples.number))

    def _dataset(self, order: np.ndarray) -> Any:
        return batches.of(self._samples, order, self._size, stream=self._stream)


class OfStream:
    """The batches of a stream, as its owner has made them.

    Args:
        stream: The stream.
    """

    def __init__(self, stream: BatchStream) -> None:
        self._stream, self.steps = stream, stream.batches
        self.counted: Counted | None = None

    def epoch(self, number: int, seed: int) -> Any:
        """Return the batches of an epoch; those that have numbers are shuffled."""
        count = self._stream.batches
        order = None if count is None else feeding.shuffled(seed, number, count).tolist()
        batches = self._stream.epoch(number, seed, order)
        if count is not None:
            return batches
        self.counted = Counted(batches)
        return self.counted.each()

    def same(self) -> Any:
        """Return the batches of a pass without shuffling."""
        return self._stream.epoch(0)

    def first(self) -> Any:
        """Return the first batch."""
        return (batch for batch in itertools.islice(iter(self), 1))

    def ended(self) -> None:
        """Tell the stream, whose owner may want to know."""
        self._stream.ended()

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """Yield the batches of such a pass."""
        for batch in self._stream.epoch(0):
            yield tuple(keras.tree.map_structure(_known, batch))


def of(data: Samples | BatchStream, size: int, *, stream: bool) -> FitInput:
    """Return the input of `fit` for samples, or for a stream with batches of its own.

    Args:
        data: The samples or the stream.
        size: Samples per batch.
        stream: Don't hold all samples as tensors.
    """
    return OfArrays(data, size, stream=stream) if isinstance(data, Samples) else OfStream(data)


@contextmanager
def ending() -> Iterator[None]:
    """Let streams of unknown length end within a `with` block, of which Keras would warn."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Your input ran out of data")
        yield


def _known(leaf: Any) -> Any:
    """Return a leaf as this backend takes it, which may not know tensors of TensorFlow."""
    return leaf if backend.name() == backend.TENSORFLOW else np.asarray(leaf)
