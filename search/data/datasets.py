"""A `tf.data.Dataset` of (x, y) becomes arrays, be its elements samples or batches of them.

Which they are, its shapes don't always say: (20,) and (20,) are a batch of twenty numbers, or one
sample of twenty with as many targets. So its steps are asked: `batch` and `unbatch` decide. What
still can't be told is refused; a guess could take samples for features, and nobody would see.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from studyhall.search.data.arrays import Pair
from studyhall.search.data.errors import DataError, refusal
from studyhall.spaces import user_code

ENDLESS = -1  # as tf.data says it

_BATCH = ("_BatchDataset", "_ParallelBatchDataset", "_PaddedBatchDataset", "_MapAndBatchDataset")
_MAP = ("_MapDataset", "_ParallelMapDataset")
_SAME = ("_ConcatenateDataset", "_RebatchDataset")  # steps that leave the elements as they are,
_SAME_TOO = "UnaryUnchangedStructureDataset"  # as does every step of this class: cache, shuffle …


def is_dataset(found: Any) -> bool:
    """Whether something is a tf.data.Dataset; TensorFlow need not be imported for that."""
    return hasattr(found, "element_spec") and hasattr(found, "as_numpy_iterator")


def read(dataset: Any, reference: str) -> Pair:
    """All samples of a dataset of (x, y).

    Args:
        dataset: a tf.data.Dataset; its elements are samples, batches, or batches of batches.
        reference: the user's function that it comes from, for messages.

    Raises:
        DataError: its elements are something else, or can't be told to be samples or batches.
        UserCodeError: reading it fails.
    """
    _check(dataset, reference)
    depth = _depth_of_elements(dataset, reference)
    pairs = user_code.call(lambda: list(dataset.as_numpy_iterator()))
    if not pairs:
        raise refusal("source", f"an empty Dataset from {reference}", "at least one sample")
    x, y = zip(*pairs, strict=True)
    if depth and any(np.shape(a)[:depth] != np.shape(b)[:depth] for a, b in pairs):
        raise refusal("source", f"batches of x and y of other sizes from {reference}", "equal ones")
    return _joined(x, depth, "x", reference), _joined(y, depth, "y", reference)


def _check(dataset: Any, reference: str) -> None:
    spec, wanted = dataset.element_spec, "a Dataset of (x, y)"
    if not isinstance(spec, tuple) or len(spec) not in (2, 3):
        raise refusal("source", f"a Dataset of {_named(spec)} from {reference}", wanted)
    if len(spec) == 3:
        received = f"a Dataset of (x, y, sample weights) from {reference}"
        raise refusal("source", received, f"{wanted}: weights of single samples are not supported")
    for name, part in zip("xy", spec, strict=True):
        if type(part).__name__ != "TensorSpec":
            received = f"a Dataset with {_named(part)} as {name} from {reference}"
            raise refusal("source", received, f"one tensor as {name}, dense, rows of one length")
    if dataset.cardinality() == ENDLESS:
        raise refusal("source", f"an endless Dataset from {reference}", "one without repeat()")


def _named(spec: Any) -> str:
    """What elements are, in short: specs of dicts can take pages."""
    if isinstance(spec, dict):
        return f"a dict of {', '.join(map(str, list(spec)[:3]))}{', …' if len(spec) > 3 else ''}"
    if isinstance(spec, tuple | list):
        return f"({', '.join(_named(part) for part in spec)})"
    kind = type(spec).__name__.removesuffix("Spec")
    return f"a {kind}" if kind != "Tensor" else f"a tensor of shape {tuple(spec.shape)}"


def _depth_of_elements(dataset: Any, reference: str) -> int:
    """How many axes of an element count samples: 0 for a sample, 1 for a batch, 2 for batches."""
    common = _common_axes(dataset)
    depth = 0 if common == 0 else _depth(dataset)
    if depth is not None:
        return min(depth, common)
    x, y = (tuple(part.shape) for part in dataset.element_spec)
    if x[0] is None and y[0] is None:
        return 1
    received = (
        f"a Dataset whose elements, x {x} and y {y}, are samples or batches, from {reference}"
    )
    raise refusal("source", received, "one that ends with .batch(32), or with .batch(1).unbatch()")


def _depth(dataset: Any) -> int | None:
    """The same by the dataset's steps; None where they don't say."""
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
        return None  # what is mapped may have become batches, or samples
    return known


def _depth_of_zip(dataset: Any) -> int | None:
    depths = {_depth(part) for part in getattr(dataset, "_datasets", [None])}
    return depths.pop() if len(depths) == 1 else None


def _common_axes(dataset: Any) -> int:
    """How many first axes of x and y may be of equal length."""
    spec = dataset.element_spec
    if not isinstance(spec, tuple) or len(spec) != 2:
        return 0
    common = 0
    for a, b in zip(*(tuple(getattr(part, "shape", ())) for part in spec), strict=False):
        if a != b and None not in (a, b):
            break
        common += 1
    return common


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
