"""The fingerprint of a study's data, by which workers know that they have the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from scipy import sparse

from studyhall.search.data import texts
from studyhall.search.data.parts import Fold, Part
from studyhall.search.data.rows_on_disk import RowsOnDisk


def of(parts: Iterable[Part], folds: Iterable[Fold], classes: tuple[str, ...]) -> str:
    """Return the SHA-256, in hex, of all samples, targets, classes and the rows of all folds."""
    digest = hashlib.sha256(repr(classes).encode())
    arrays = [array for part in parts for array in (*_dense(part.x), part.y)]
    for array in arrays + [rows for f in folds for rows in (f.train_rows, f.validation_rows)]:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        for block in _blocks(array):
            digest.update(block)
    return digest.hexdigest()


def _blocks(array: Any) -> Iterable[Any]:
    """Yield the bytes of an array, or of texts."""
    if texts.is_texts(array):
        return texts.content(array)
    blocks = array.blocks() if isinstance(array, RowsOnDisk) else [array]
    return (np.ascontiguousarray(block).data for block in blocks)


def _dense(x: Any) -> tuple[Any, ...]:
    return (x.data, x.indices, x.indptr) if sparse.issparse(x) else (x,)
