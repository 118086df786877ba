"""Streams: parts of the data that are read batch by batch in each epoch and never held as a whole.

A stream is a `tf.data.Dataset`, a `keras.utils.PyDataset`, or a function of the user's that returns
the batches of an epoch. Its elements are batches (x, y) or (x, y, weights), as Keras' `fit` takes.
"""

from __future__ import annotations

import copy
import inspect
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from studyhall.search.data import own_random, trees
from studyhall.search.data.errors import DataError, refusal
from studyhall.spaces import user_code

Batch = tuple[Any, ...]  # x, y[, weights], each an array or a tree

EXPECTED = "batches (x, y) or (x, y, weights), as Keras' fit takes them"
DATASET, PY_DATASET, GENERATOR = "Dataset", "PyDataset", "generator function"


class Stream(Protocol):
    """A source of batches that can be read again for each epoch.

    Attributes:
        kind: "Dataset", "PyDataset" or "generator function".
        batches: number of batches in an epoch; None if it is not known.
        elements: shapes and types of a batch, in words; None if only reading one tells.
    """

    kind: str
    batches: int | None
    elements: str | None

    def epoch(self, number: int, seed: int = 0, order: Sequence[int] | None = None) -> Any:
        """Return the batches of an epoch, as Keras' `fit` takes them.

        Functions and PyDatasets find the random numbers of Python and NumPy as they depend on epoch
        and seed alone, so that what they draw is the same again.

        Args:
            number: from 1 in training; 0 for batches that are the same each time.
            seed: seed of the training.
            order: numbers of the batches, for a PyDataset; None: from 0 on.
        """

    def ended(self) -> None:
        """Take note that a training epoch has ended."""


class OfDataset:
    """The batches of a `tf.data.Dataset`."""

    kind = DATASET

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset
        count = int(dataset.cardinality())
        self.batches = count if count >= 0 else None
        self.elements: str | None = str(dataset.element_spec)

    def epoch(self, number: int, seed: int = 0, order: Sequence[int] | None = None) -> Any:
        """Return the data set, which begins anew whenever it is iterated."""
        return self._dataset

    def ended(self) -> None:
        """Do nothing."""


class OfPyDataset:
    """The batches of a `keras.utils.PyDataset`, in any order."""

    kind = PY_DATASET

    def __init__(self, found: Any) -> None:
        self._found = found
        self.elements: str | None = None
        self.batches: int | None = len(found)

    def epoch(self, number: int, seed: int = 0, order: Sequence[int] | None = None) -> Any:
        """Return a PyDataset of the batches in that order, with the same workers."""
        ordered = copy.copy(self._found)
        places = range(len(self._found)) if order is None else order
        ordered.__class__ = _in_order(type(self._found), [*places], (seed, number))
        return ordered

    def ended(self) -> None:
        """Call the user's `on_epoch_end`."""
        user_code.call(self._found.on_epoch_end)


def _in_order(kind: type[Any], order: list[int], seeds: tuple[int, int]) -> type[Any]:
    """Return a class of the same PyDataset whose batches come in another order."""

    def getitem(self: Any, index: int) -> Any:
        with own_random.numbers(*seeds, order[index]):
            return kind.__getitem__(self, order[index])

    def iterate(self: Any) -> Iterator[Any]:
        return (self[index] for index in range(len(order)))

    kept = {"__getitem__": getitem, "__iter__": iterate, "on_epoch_end": lambda self: None}
    return type(kind.__name__, (kind,), kept)


class OfFunction:
    """The batches that a function () or (epoch) of the user's returns for each epoch."""

    kind = GENERATOR

    def __init__(self, function: Callable[..., Iterable[Batch]]) -> None:
        self._function = function
        self.elements: str | None = None
        self.batches: int | None = None
        self._takes_epoch = bool(inspect.signature(function).parameters)

    def epoch(self, number: int, seed: int = 0, order: Sequence[int] | None = None) -> Any:
        """Return an iterator that calls the function for new batches."""
        arguments = [number] if self._takes_epoch else []
        return own_random.iterated(lambda: self._function(*arguments), seed, number)

    def ended(self) -> None:
        """Do nothing."""


def is_stream(found: Any) -> bool:
    """Return True for a Dataset, a PyDataset or a function, without importing a framework."""
    return is_dataset(found) or _is_py_dataset(found) or callable(found)


def is_dataset(found: Any) -> bool:
    """Return True for a `tf.data.Dataset`, without importing TensorFlow."""
    return hasattr(found, "element_spec") and hasattr(found, "as_numpy_iterator")


def _is_py_dataset(found: Any) -> bool:
    return any(kind.__name__ == "PyDataset" for kind in type(found).__mro__)


def of(found: Any, reference: str) -> Stream:
    """Return the stream of what the user's function returns.

    Args:
        found: a Dataset, a PyDataset or a function.
        reference: the user's function, for messages.

    Raises:
        DataError: it has no end, or its elements are no batches.
    """
    if is_dataset(found):
        return OfDataset(found)
    if _is_py_dataset(found):
        if getattr(found, "num_batches", 0) is None:
            raise refusal("source", f"an endless PyDataset from {reference}", "one with a length")
        return OfPyDataset(found)
    try:
        count = len(inspect.signature(found).parameters)
    except (TypeError, ValueError):
        count = 2
    if count > 1:
        received = f"a {type(found).__name__} of {count} arguments from {reference}"
        raise refusal("source", received, "a function () or (epoch) that returns batches")
    return OfFunction(found)


def arrays_of(batch: Any, reference: str) -> Batch:
    """Return one batch as arrays, or trees of these.

    Raises:
        DataError: it is no batch.
    """
    if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
        kind = type(batch).__name__
        raise refusal("source", f"elements of type {kind} in the stream from {reference}", EXPECTED)
    parts = [
        trees.converted(lambda leaf, _: np.asarray(leaf), part, name)
        for name, part in zip(("x", "y", "weights"), batch, strict=False)
    ]
    _check(parts, reference)
    return tuple(parts)


def _check(parts: Sequence[Any], reference: str) -> None:
    """Check that all arrays of a batch are numbers for as many samples."""
    named = zip(("x", "y", "weights"), parts, strict=False)
    leaves = [pair for name, part in named for pair in trees.leaves(part, name)]
    sizes = {path: leaf.shape[:1] for path, leaf in leaves}
    if len({*sizes.values()}) > 1 or () in sizes.values():
        each = ", ".join(f"{path} of shape {leaf.shape}" for path, leaf in leaves)
        wanted = f"{EXPECTED}; a Dataset of single samples needs .batch(32)"
        raise refusal("source", f"elements with {each} in the stream from {reference}", wanted)
    for path, leaf in leaves:
        if leaf.dtype.kind not in "biuf":
            received = f"{path} of type {leaf.dtype} in the stream from {reference}"
            raise refusal("source", received, "numbers")
        if leaf.dtype.kind == "f" and not np.isfinite(leaf).all():
            received = f"{path} with values that are not finite in the stream from {reference}"
            raise refusal("source", received, "finite numbers")


def first(stream: Stream, count: int, reference: str, number: int = 0) -> list[Batch]:
    """Return the first batches of an epoch as arrays.

    Raises:
        DataError: there are none, or they are no batches.
        UserCodeError: reading them fails in the user's code.
    """

    def read() -> list[Any]:
        return [*itertools.islice(iter(stream.epoch(number)), count)]

    found = [arrays_of(batch, reference) for batch in user_code.call(read)]
    if not found:
        raise _empty(stream, reference)
    return found


def whole(stream: Stream, reference: str, limit: int) -> Batch:
    """Read all batches of an epoch into memory, as x, y and perhaps weights.

    Args:
        stream: the stream.
        reference: the user's function, for messages.
        limit: largest size of the arrays, in bytes.

    Raises:
        DataError: it is larger, or its batches don't fit together.
    """
    found: list[Batch] = []
    size = 0
    batches = iter(user_code.call(stream.epoch, 0))
    while (batch := user_code.call(next, batches, None)) is not None:
        found.append(arrays_of(batch, reference))
        size += sum(leaf.nbytes for _, leaf in trees.leaves(found[-1]))
        if size > limit:
            raise too_large(stream.kind, reference, limit)
    if not found:
        raise _empty(stream, reference)
    try:
        return trees.mapped(lambda *leaves: np.concatenate(leaves), *found)  # type: ignore[no-any-return]
    except (ValueError, KeyError, IndexError) as error:
        received = f"batches of different forms in the {stream.kind} from {reference}"
        raise refusal("source", received, f"one form: {error}") from error


def _empty(stream: Stream, reference: str) -> DataError:
    return refusal("source", f"an empty {stream.kind} from {reference}", "at least one batch")


def too_large(kind: str, reference: str, limit: int) -> DataError:
    """Refuse a stream that would be read as a whole, but is larger than the memory."""
    received = f"a {kind} of more than {limit / 2**20:,.0f} MiB from {reference}"
    wanted = (
        "three of them, for training, validation and test, and a model of your own: these are"
        " read batch by batch"
    )
    return refusal("source", received, wanted)
