"""Sources that are .npz files, with arrays under the usual names, such as x_train and y_train."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from studyhall.search.data.arrays import Arrays, Pair
from studyhall.search.data.errors import refusal, shortened
from studyhall.search.data.part_names import PARTS

SAMPLES = ("x", "data", "images", "features", "inputs")
TARGETS = ("y", "target", "targets", "labels")
EXPECTED = "x and y, or x_train, y_train, x_test, y_test (x_val, y_val)"


def read(path: Path, group: str | None = None) -> Arrays:
    """Read the arrays of an .npz file, never unpickling anything.

    Args:
        path: the file.
        group: name of the array with the group of each sample.

    Raises:
        DataError: the file has no such arrays, or ragged ones, or is not an .npz file.
    """
    found = _contents(path)
    parts = _parts({name: array for name, array in found.items() if name != group}, path)
    x, y = parts.get("train") or parts.pop("all")
    groups = None
    if group is not None:
        if group not in found or len(found[group]) != len(x):
            names = f"the name of an array in {path.name} with one entry per sample"
            raise refusal("group", f'"{group}"', f"{names}: {shortened(found)}")
        groups = found[group]
    return Arrays(x, y, parts.get("validation"), parts.get("test"), groups=groups, own=True)


def _contents(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (zipfile.BadZipFile, zlib.error, EOFError, TypeError, OSError) as error:
        size = path.stat().st_size
        received = f"{path.name}, {'an empty file' if size == 0 else 'which is not an .npz file'}"
        raise refusal("source", received, f"arrays {EXPECTED}, as numpy.savez writes") from error
    except ValueError as error:  # an object array: ragged rows, or values that are not numbers
        received = f"{path.name} with arrays of Python objects (ragged rows?)"
        raise refusal("source", received, "arrays of numbers, rows of one length") from error


def _parts(found: dict[str, np.ndarray[Any, Any]], path: Path) -> dict[str, Pair]:
    roles = {_role(name): array for name, array in found.items()}
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
