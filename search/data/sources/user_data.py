"""Sources that are the user's own functions, such as `my_data.py:load`.

They return what Keras' `fit` takes: arrays, or lists and dicts of them, with weights or without.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from studyhall.search.data import rows_on_disk, streams, trees
from studyhall.search.data.arrays import Arrays
from studyhall.search.data.errors import DataError, refusal
from studyhall.search.data.sources import datasets, source_check
from studyhall.search.data.stream_parts import Streams
from studyhall.spaces import user_code

EXPECTED = (
    "(x, y), ((x, y), (x_test, y_test)), or three such pairs for training, validation and test,"
    " or streams in their place (tf.data.Dataset, PyDataset, a function that returns batches);"
    " sample weights may follow y"
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


def read(reference: str, folder: Path, *, own_model: bool = False) -> Arrays | Streams:
    """Call the user's function and return its arrays, or its streams.

    Three streams for a model of the user's stay streams; fewer are read, as they must be split.

    Args:
        reference: `my_data.py:load`.
        folder: the study file's folder.
        own_model: the user's own function builds the model.

    Raises:
        DataError: there is no such function, or it returns something unexpected.
        UserCodeError: the user's code raises; its exception is the cause.
    """
    found = user_code.call(_function(reference, folder))
    listed = _parts(found, reference)
    if len(listed) not in NAMES:
        raise _wrong(reference, found)
    named = dict(zip(NAMES[len(listed)], listed, strict=True))
    if own_model and len(named) == len(NAMES) and streams.is_stream(named["training"]):
        return Streams({name: _kept(part, reference) for name, part in named.items()}, reference)
    by_name = {name: _triple(part, reference) for name, part in named.items()}
    read = [name for name, part in named.items() if streams.is_stream(part)]
    pairs = {name: (part.x, part.y) for name, part in by_name.items()}
    weights = {name: p.weights for name, p in by_name.items() if p.weights is not None}
    return Arrays(
        *pairs["training"],
        validation=pairs.get("validation"),
        test=pairs.get("test"),
        weights=weights,
        own=True,
        notes=_read_notes(read, by_name, own_model=own_model),
    )


def _read_notes(
    names: list[str], parts: Mapping[str, Triple], *, own_model: bool
) -> tuple[str, ...]:
    """Return a sentence on streams that were read as a whole, and why."""
    if not names:
        return ()
    sizes = " and ".join(f"{len(parts[name].y)} {name} samples" for name in names)
    why = (
        "to be split: three streams, for training, validation and test, stay streams"
        if own_model
        else "as a built-in family needs arrays"
    )
    return (f"{sizes} were read from streams into memory, {why}",)


def _kept(part: Any, reference: str) -> Any:
    """Return a stream, or a part of arrays beside streams."""
    if streams.is_stream(part):
        if streams.is_dataset(part):
            datasets.check_stream(part, reference)
        return streams.of(part, reference)
    triple = _triple(part, reference)
    known = (triple.x, triple.y) if triple.weights is None else (*triple,)
    return streams.arrays_of(tuple(map(trees.plain, known)), reference)


def _function(reference: str, folder: Path) -> Callable[[], Any]:
    try:
        return user_code.load(reference, folder, takes=())
    except user_code.UserCodeError as error:
        if error.__cause__ is not None:  # importing the file raised
            raise
        raise source_check.no_function(reference, error) from None


def _parts(found: Any, reference: str) -> list[Any]:
    """Return the parts and datasets in the function's result; a plain (x, y) is one part.

    A tuple is a part, so several inputs are a list or a dict.
    """
    _refuse_unusable(found, reference)
    if streams.is_stream(found):
        return [found]
    if not isinstance(found, (tuple, list)):
        return []
    nested = all(streams.is_stream(part) or isinstance(part, tuple) for part in found)
    return list(found) if nested else [found]


def _refuse_unusable(found: Any, reference: str) -> None:
    """Refuse generators, which can be read only once, and loaders that need PyTorch."""
    for part in found if isinstance(found, (tuple, list)) else [found]:
        if hasattr(part, "__next__"):
            received = f"a {type(part).__name__} from {reference}, which can be read only once"
            raise refusal("source", received, "the function that makes it, without calling it")
        if _is_torch_loader(part):
            wanted = "a function of its batches as NumPy arrays: yield x.numpy(), y.numpy()"
            raise refusal("source", f"a DataLoader of PyTorch from {reference}", wanted)


def _is_torch_loader(found: Any) -> bool:
    """Return True for what Keras takes for a `torch.utils.data.DataLoader`."""
    return any(
        kind.__name__ == "DataLoader" and "torch.utils.data" in str(kind)
        for kind in type(found).__mro__
    )


def _triple(part: Any, reference: str) -> Triple:
    if streams.is_stream(part):
        return Triple(*map(trees.of, _whole(part, reference)))
    if not isinstance(part, (tuple, list)) or len(part) not in (2, 3):
        raise _wrong(reference, part)
    x, y = trees.pair(*part[:2])
    rows = trees.count(part[0])
    return Triple(x, _column(y), *(trees.of(each, rows) for each in part[2:]))


def _whole(part: Any, reference: str) -> tuple[Any, ...]:
    """Read a stream as a whole."""
    limit = rows_on_disk.memory_limit()
    if streams.is_dataset(part):
        return datasets.read(part, reference, limit)
    return streams.whole(streams.of(part, reference), reference, limit)


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
