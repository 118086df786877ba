"""Files of NumPy: .npz with arrays under the usual names, such as x_train, and .npy with one.

Several inputs or targets have names such as `x["age"]` and `y[0]`.
"""

from __future__ import annotations

import math
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from studyhall.search.data import memory_share, ordering, trees
from studyhall.search.data.arrays import Arrays, Pair
from studyhall.search.data.errors import DataError, refusal, shortened
from studyhall.search.data.sources.part_names import PARTS

SAMPLES = ("x", "data", "images", "features", "inputs")
TARGETS = ("y", "target", "targets", "labels")
EXPECTED = "x and y, or x_train, y_train, x_test, y_test (x_val, y_val)"
HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}

Array = np.ndarray[Any, Any]


def read(path: Path, group: str | None = None, split_by: str | None = None) -> Arrays:
    """Read the arrays of an .npz file, never unpickling anything.

    Args:
        path: the file.
        group: name of the array with the group of each sample.
        split_by: name of the array with the date, say, of each sample, by which they are split.

    Raises:
        DataError: the file has no such arrays, or ragged ones, takes more memory than data may, or
            is not an .npz file.
    """
    found = contents(path)
    apart = {"group": group, "split_by": split_by}
    parts = _parts({n: array for n, array in found.items() if n not in apart.values()}, path)
    x, y = parts.get("train") or parts.pop("all")
    of_each = {key: _of_each(key, name, found, len(x), path) for key, name in apart.items()}
    order = of_each["split_by"]
    return Arrays(
        x,
        y,
        parts.get("validation"),
        parts.get("test"),
        groups=of_each["group"],
        order=None if order is None else ordering.numbers(order, f"{path.name}, array {split_by}"),
        own=True,
    )


def _of_each(
    key: str, name: str | None, found: dict[str, Array], count: int, path: Path
) -> Array | None:
    """Return the array of a name, with an entry for each sample."""
    if name is None:
        return None
    if name not in found or found[name].shape != (count,):
        expected = f"the name of an array in {path.name} with one entry per sample"
        raise refusal(key, f'"{name}"', f"{expected}: {shortened(found)}")
    return found[name]


def contents(path: Path) -> dict[str, Array]:
    """Return all arrays of an .npz file by name, never unpickling anything.

    Raises:
        DataError: it is no such file, has arrays of Python objects, or takes more memory than
            data may.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            _check(archive.zip, path)
            return {name: archive[name] for name in archive.files}
    except DataError:
        raise
    except Exception as error:  # for damaged files zipfile, zlib and NumPy raise many kinds
        size = path.stat().st_size
        received = f"{path.name}, {'an empty file' if size == 0 else 'which is not an .npz file'}"
        raise refusal("source", received, f"arrays {EXPECTED}, as numpy.savez writes") from error


def single(path: Path) -> Array:
    """Return the array of an .npy file, never unpickling anything.

    Raises:
        DataError: it is no such file, has Python objects, or takes more memory than data may.
    """
    try:
        with path.open("rb") as file:
            memory_share.check(path.stat().st_size, path.name, "an array")
            _check_array(file, path.stat().st_size, path)
            file.seek(0)
            return np.asarray(npy.read_array(file, allow_pickle=False))
    except DataError:
        raise
    except Exception as error:
        received = f"{path.name}, which is not an .npy file"
        raise refusal("source", received, "an array, as numpy.save writes") from error


def _check(archive: zipfile.ZipFile, path: Path) -> None:
    """Refuse arrays of Python objects, of one name, or that take too much memory, unread.

    Raises:
        DataError: there are such arrays.
        ValueError: a header does not fit what follows it.
    """
    inside = archive.infolist()
    memory_share.check(sum(each.file_size for each in inside), path.name, "arrays")
    names = Counter(each.filename.removesuffix(".npy") for each in inside)
    if twice := [name for name, count in names.items() if count > 1]:
        received = f"two arrays called {shortened(twice)} in {path.name}"
        raise refusal("source", received, "a name of its own for each array")
    for each in inside:
        with archive.open(each) as file:
            _check_array(file, each.file_size, path)


def _check_array(file: Any, size: int, path: Path) -> None:
    """Refuse an array of Python objects, and one whose header does not fit its size in bytes."""
    shape, dtype = _header(file)
    if dtype.hasobject:
        received = f"{path.name} with arrays of Python objects (ragged rows?)"
        raise refusal("source", received, "arrays of numbers, rows of one length")
    if math.prod(shape) * dtype.itemsize != size - file.tell():  # integers that do not overflow
        raise ValueError("its size is not that of its header")


def _header(file: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = npy.read_magic(file)
    if version not in HEADERS:  # 3.0 is for structured types with names beyond Latin letters
        raise ValueError(f"version {version}")
    shape, _, dtype = HEADERS[version](file)
    return shape, dtype


def _parts(found: dict[str, Array], path: Path) -> dict[str, Pair]:
    try:
        roles = {_role(name): array for name, array in trees.restored(found).items()}
    except ValueError:
        raise refusal("source", f"{path.name} with {shortened(sorted(found))}", EXPECTED) from None
    parts = {
        part: (roles[part, "x"], roles[part, "y"])
        for part in ("all", "train", "validation", "test")
        if (part, "x") in roles and (part, "y") in roles
    }
    if ("train" in parts) == ("all" in parts):
        held = shortened(sorted(found)) if found else "nothing"
        raise refusal("source", f"{path.name} with {held}", EXPECTED)
    return parts


def _role(name: str) -> tuple[str, str]:
    """Return part and kind of an array: ("train", "x") for `x_train`, ("all", "y") for `labels`.

    Any other name gives (name, "").
    """
    words = name.lower().split("_")
    parts = [PARTS[word] for word in words if word in PARTS]
    kinds = ["x" if word in SAMPLES else "y" for word in words if word in SAMPLES + TARGETS]
    if len(kinds) != 1 or len(parts) + 1 != len(words):
        return name, ""
    return (parts[0] if parts else "all"), kinds[0]
