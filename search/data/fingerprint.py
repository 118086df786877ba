"""The fingerprint of a study's arrays and of their division, the same in every worker."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from scipy import sparse

from studyhall.search.data import texts
from studyhall.search.data.parts import Fold, Part
from studyhall.search.data.rows_on_disk import RowsOnDisk
from studyhall.search.data.trees import Tree


def of(parts: Iterable[Part], folds: Iterable[Fold], classes: tuple[str, ...]) -> str:
    """Return the SHA-256 (hex) over samples, targets, weights, class names and folds."""
    digest = hashlib.sha256(repr(classes).encode())
    arrays = [array for part in parts for array in _arrays(part)]
    for array in arrays + [rows for f in folds for rows in (f.train_rows, f.validation_rows)]:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        for block in _blocks(array):
            digest.update(block)
    return digest.hexdigest()


def _arrays(part: Part) -> Iterator[Any]:
    """Yield all arrays of a part, and the paths of those that are in a tree."""
    for each in (part.x, part.y, *([] if part.weights is None else [part.weights])):
        if isinstance(each, Tree):
            yield np.array([path.encode() for path in each.paths()])
            yield from each.arrays()
        elif sparse.issparse(each):
            yield from (each.data, each.indices, each.indptr)
        else:
            yield each


def _blocks(array: Any) -> Iterable[Any]:
    """Yield the bytes of an array, or of texts."""
    if array.dtype.kind == "O" and texts.is_texts(array):
        return texts.content(array)
    blocks = array.blocks() if isinstance(array, RowsOnDisk) else [array]
    return (np.ascontiguousarray(block).data for block in blocks)
