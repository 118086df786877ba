"""Conversion of a `tf.data.Dataset` of (x, y) to arrays, whether its elements are batches or not.

Shapes alone don't always tell: (20,) and (20,) may be a batch of twenty numbers, or one sample with
twenty features and targets. So the dataset's transformations are inspected for `batch` and
`unbatch`. If they don't decide it, the dataset is refused: a wrong guess would mistake samples for
features without any error.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from studyhall.search.data import streams, trees
from studyhall.search.data.errors import DataError, refusal
from studyhall.spaces import user_code

ENDLESS = -1  # tf.data.INFINITE_CARDINALITY
NAMES = ("x", "y", "weights")

_BATCH = ("_BatchDataset", "_ParallelBatchDataset", "_PaddedBatchDataset", "_MapAndBatchDataset")
_MAP = ("_MapDataset", "_ParallelMapDataset")
# Transformations that keep the batch axes; subclasses of _SAME_TOO do too: cache, shuffle, …
_SAME = ("_ConcatenateDataset", "_RebatchDataset")
_SAME_TOO = "UnaryUnchangedStructureDataset"


def read(dataset: Any, reference: str, limit: int = sys.maxsize) -> tuple[Any, ...]:
    """Read all samples of a dataset of (x, y) or (x, y, weights).

    Args:
        dataset: a tf.data.Dataset; its elements are samples, batches, or batches of batches.
        reference: the user's function that returned it, for messages.
        limit: largest size of the arrays, in bytes.

    Returns:
        Arrays x (N, …), y (N, …) and perhaps weights, or trees of these.

    Raises:
        DataError: its elements are not (x, y), or may be either samples or batches.
        UserCodeError: reading it fails in the user's code.
    """
    _check(dataset, reference)
    depth = _depth_of_elements(dataset, reference)
    elements = _elements(dataset, reference, limit)
    if not elements:
        raise refusal("source", f"an empty Dataset from {reference}", "at least one sample")
    for element in elements if depth else []:
        if len({np.shape(leaf)[:depth] for _, leaf in trees.leaves(element)}) > 1:
            received = f"batches of x and y of other sizes from {reference}"
            raise refusal("source", received, "equal sizes")
    return tuple(
        trees.mapped(lambda *leaves, name=name: _joined(leaves, depth, name, reference), *parts)
        for name, parts in zip(NAMES, zip(*elements, strict=True), strict=False)
    )


def _elements(dataset: Any, reference: str, limit: int) -> list[Any]:
    """Return all elements as arrays.

    Raises:
        DataError: they are larger than the limit.
    """
    found, size, elements = [], 0, iter(dataset.as_numpy_iterator())
    while (element := user_code.call(next, elements, None)) is not None:
        found.append(element)
        size += sum(np.asarray(leaf).nbytes for _, leaf in trees.leaves(element))
        if size > limit:
            raise streams.too_large("Dataset", reference, limit)
    return found


def check_stream(dataset: Any, reference: str) -> None:
    """Check that a dataset can stay a stream: it has an end, and its elements are batches.

    Raises:
        DataError: it has no end, or its elements are single samples.
    """
    _check(dataset, reference)
    if _depth(dataset) == 0 or _common_axes(dataset) == 0:
        received = f"a Dataset of single samples from {reference}"
        raise refusal("source", received, "batches: one that ends with .batch(32)")


def _check(dataset: Any, reference: str) -> None:
    spec, wanted = dataset.element_spec, "a Dataset of (x, y) or (x, y, weights)"
    if not isinstance(spec, tuple) or len(spec) not in (2, 3):
        raise refusal("source", f"a Dataset of {_named(spec)} from {reference}", wanted)
    for name, part in zip(NAMES, spec, strict=False):
        for path, leaf in trees.leaves(part, name):
            if type(leaf).__name__ != "TensorSpec":
                received = f"a Dataset with {_named(leaf)} as {path} from {reference}"
                expected = f"one dense tensor as {path}, with rows of one length"
                raise refusal("source", received, expected)
    if dataset.cardinality() == ENDLESS:
        raise refusal("source", f"an endless Dataset from {reference}", "one without repeat()")


def _named(spec: Any) -> str:
    """Describe the elements in short: the full spec of a dict can take pages."""
    if isinstance(spec, dict):
        return f"a dict of {', '.join(map(str, list(spec)[:3]))}{', …' if len(spec) > 3 else ''}"
    if isinstance(spec, tuple | list):
        return f"({', '.join(_named(part) for part in spec)})"
    kind = type(spec).__name__.removesuffix("Spec")
    return f"a {kind}" if kind != "Tensor" else f"a tensor of shape {tuple(spec.shape)}"


def _depth_of_elements(dataset: Any, reference: str) -> int:
    """Return the number of batch axes of an element: 0 for samples, 1 for batches.

    2 means batches of batches.
    """
    common = _common_axes(dataset)
    depth = 0 if common == 0 else _depth(dataset)
    if depth is not None:
        return min(depth, common)
    shapes = _shapes(dataset)
    if all(shape[0] is None for shape in shapes.values()):
        return 1
    each = " and ".join(f"{path} {shape}" for path, shape in shapes.items())
    received = f"a Dataset whose elements, {each}, are samples or batches, from {reference}"
    raise refusal("source", received, "one that ends with .batch(32), or with .batch(1).unbatch()")


def _depth(dataset: Any) -> int | None:
    """Return the number of batch axes according to the transformations; None if they don't tell."""
    kind, before = type(dataset).__name__, getattr(dataset, "_input_dataset", None)
    if kind == "_TensorSliceDataset":
        return 0
    if kind == "_TensorDataset":
        return 1
    if kind == "_ZipDataset":
        return _depth_of_zip(dataset)
    same = kind in _SAME or _SAME_TOO in [base.__name__ for base in type(dataset).__mro__]
    if before is None or not (same or kind in (*_BATCH, *_MAP, "_UnbatchDataset")):
        return None
    known = _depth(before)
    if kind in _BATCH:
        return (known or 0) + 1
    if kind == "_UnbatchDataset":
        return max((known or 1) - 1, 0)
    if kind in _MAP and _common_axes(before) != _common_axes(dataset):
        return None  # the mapped function may have added or removed a batch axis
    return known


def _depth_of_zip(dataset: Any) -> int | None:
    depths = {_depth(part) for part in getattr(dataset, "_datasets", [None])}
    return depths.pop() if len(depths) == 1 else None


def _common_axes(dataset: Any) -> int:
    """Return the number of leading axes in which x and y may have equal lengths."""
    spec = dataset.element_spec
    if not isinstance(spec, tuple) or len(spec) not in (2, 3):
        return 0
    common = 0
    for sizes in zip(*_shapes(dataset).values(), strict=False):
        if len({*sizes} - {None}) > 1:
            break
        common += 1
    return common


def _shapes(dataset: Any) -> dict[str, tuple[Any, ...]]:
    """Return the shape of each tensor of an element, by its path."""
    return {
        path: tuple(getattr(leaf, "shape", ()))
        for name, part in zip(NAMES, dataset.element_spec, strict=False)
        for path, leaf in trees.leaves(part, name)
    }


def _joined(parts: tuple[Any, ...], depth: int, name: str, reference: str) -> Any:
    arrays = [np.asarray(part) for part in parts]
    rows = [array.reshape(-1, *array.shape[depth:]) if depth else array for array in arrays]
    shapes = sorted({row.shape[1:] if depth else row.shape for row in rows})
    if len(shapes) > 1:
        raise _ragged(shapes, name, reference)
    return np.concatenate(rows) if depth else np.stack(rows)


def _ragged(shapes: list[tuple[int, ...]], name: str, reference: str) -> DataError:
    received = f"{name} of shapes {shapes[0]} and {shapes[1]} in the Dataset from {reference}"
    return refusal("source", received, "one shape")
