"""Sources that are the user's own functions, such as `my_data.py:load`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from studyhall.search.data import datasets, source_check
from studyhall.search.data.arrays import Arrays, Pair
from studyhall.search.data.errors import DataError, refusal
from studyhall.spaces import user_code

EXPECTED = (
    "(x, y), or ((x, y), (x_test, y_test)), or three such pairs for training, validation and test,"
    " or tf.data.Datasets in their place"
)
PAIRS = 3


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
    pairs = [_pair(part, reference) for part in _parts(found)]
    if not 1 <= len(pairs) <= PAIRS:
        raise _wrong(reference, found)
    validation = pairs[1] if len(pairs) == PAIRS else None
    test = pairs[-1] if len(pairs) > 1 else None
    return Arrays(*pairs[0], validation=validation, test=test, own=True)


def _function(reference: str, folder: Path) -> Callable[[], Any]:
    try:
        return user_code.load(reference, folder, takes=())
    except user_code.UserCodeError as error:
        if error.__cause__ is not None:  # importing the file raised
            raise
        raise source_check.no_function(reference, error) from None


def _parts(found: Any) -> list[Any]:
    """Return the pairs and datasets in the function's result; a plain (x, y) is one pair."""
    if datasets.is_dataset(found):
        return [found]
    if not isinstance(found, (tuple, list)):
        return []
    nested = all(datasets.is_dataset(part) or isinstance(part, tuple) for part in found)
    return list(found) if nested else [found]


def _pair(part: Any, reference: str) -> Pair:
    if datasets.is_dataset(part):
        return datasets.read(part, reference)
    if not isinstance(part, (tuple, list)) or len(part) != 2:
        raise _wrong(reference, part)
    return part[0], _column(part[1])


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
