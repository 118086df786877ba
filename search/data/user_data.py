"""Sources that are the user's own functions, such as `my_data.py:load`.

They return what Keras' `fit` takes: arrays, or lists and dicts of them, with weights or without.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from studyhall.search.data import datasets, source_check, trees
from studyhall.search.data.arrays import Arrays
from studyhall.search.data.errors import DataError, refusal
from studyhall.search.data.trees import Tree
from studyhall.spaces import user_code

EXPECTED = (
    "(x, y), ((x, y), (x_test, y_test)), or three such pairs for training, validation and test,"
    " or tf.data.Datasets in their place; sample weights may follow y"
)
NAMES = {  # of the parts, by their number
    1: ("training",),
    2: ("training", "test"),
    3: ("training", "validation", "test"),
}


class Triple(NamedTuple):
    """A part of what the user's function returns.

    Attributes:
        x, y: samples and targets, each an array or a `Tree`.
        weights: of the samples, or None.
    """

    x: Any
    y: Any
    weights: Any = None


def read(reference: str, folder: Path) -> Arrays:
    """Call the user's function and return its arrays.

    Args:
        reference: `my_data.py:load`.
        folder: the study file's folder.

    Raises:
        DataError: there is no such function, or it returns something unexpected.
        UserCodeError: the user's code raises; its exception is the cause.
    """
    found = user_code.call(_function(reference, folder))
    parts = [_triple(part, reference) for part in _parts(found)]
    if len(parts) not in NAMES:
        raise _wrong(reference, found)
    by_name = dict(zip(NAMES[len(parts)], parts, strict=True))
    pairs = {name: (part.x, part.y) for name, part in by_name.items()}
    weights = {name: p.weights for name, p in by_name.items() if p.weights is not None}
    return Arrays(
        *pairs["training"],
        validation=pairs.get("validation"),
        test=pairs.get("test"),
        weights=weights,
        own=True,
    )


def _function(reference: str, folder: Path) -> Callable[[], Any]:
    try:
        return user_code.load(reference, folder, takes=())
    except user_code.UserCodeError as error:
        if error.__cause__ is not None:  # importing the file raised
            raise
        raise source_check.no_function(reference, error) from None


def _parts(found: Any) -> list[Any]:
    """Return the parts and datasets in the function's result; a plain (x, y) is one part.

    A tuple is a part, so several inputs are a list or a dict.
    """
    if datasets.is_dataset(found):
        return [found]
    if not isinstance(found, (tuple, list)):
        return []
    nested = all(datasets.is_dataset(part) or isinstance(part, tuple) for part in found)
    return list(found) if nested else [found]


def _triple(part: Any, reference: str) -> Triple:
    if datasets.is_dataset(part):
        return Triple(*datasets.read(part, reference))
    if not isinstance(part, (tuple, list)) or len(part) not in (2, 3):
        raise _wrong(reference, part)
    x, y, *weights = part
    rows = _count(x)
    y = _nested(y, rows)
    x = _nested(x, len(y) if hasattr(y, "__len__") else None)
    return Triple(x, _column(y), *(_nested(each, rows) for each in weights))


def _count(x: Any) -> int | None:
    """Return the number of samples if x is an array, or several inputs."""
    first = next((leaf for _, leaf in trees.leaves(x)), None) if trees.is_nested(x) else x
    return int(first.shape[0]) if hasattr(first, "shape") else None


def _nested(found: Any, rows: int | None) -> Any:
    """Return a list or dict of arrays as a tree; arrays of another length in a list are rows."""
    return Tree(found) if trees.is_nested(found, rows) else found


def _column(y: Any) -> Any:
    """Return a pandas Series as (N, 1), as Keras' fit does."""
    return np.asarray(y)[:, np.newaxis] if type(y).__name__ == "Series" else y


def _wrong(reference: str, found: Any) -> DataError:
    return refusal("source", f"{_kind(found)} from {reference}", EXPECTED)


def _kind(found: Any) -> str:
    if isinstance(found, (tuple, list)):
        kinds = ", ".join(type(part).__name__ for part in found)
        return f"a {type(found).__name__} of {len(found)} ({kinds})"
    return type(found).__name__
