"""Samples that occur in more than one part of the data: a model may know the answer by heart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from studyhall.search.data.arrays import Samples, digest
from studyhall.search.data.rows_on_disk import RowsOnDisk
from studyhall.search.data.trees import Tree

if TYPE_CHECKING:
    from studyhall.search.data.loading import Data

TEST = "test"


def notes(data: Data) -> Iterator[str]:
    """Yield a sentence on all that was left out or changed, and on samples in several parts."""
    yield from data.notes
    if not data.streams:
        yield from sentences(data)


def sentences(data: Data) -> Iterator[str]:
    """Yield a sentence for each part with samples that an earlier part has, too.

    Samples are the same if all their values are; those with another target are counted apart.
    """
    known: dict[bytes, Any] = {}
    for name, part in (
        ("training", data.train),
        ("validation", data.validation),
        (TEST, data.test),
    ):
        found = [*zip(_digests(part.x), _targets(part.y), strict=True)]
        same = [target for digest, target in found if digest in known]
        other = sum(not np.array_equal(known[d], target) for d, target in found if d in known)
        if same:
            earlier = "training" if name == "validation" else "training and validation"
            differ = f", {other} of them with another target" if other else ""
            yield (
                f"{len(same):,} of {len(part):,} {name} samples also stand among the {earlier}"
                f" samples{differ}"
            )
        known |= dict(found)


def is_of_test(sentence: str) -> bool:
    """Return whether a sentence of `sentences` is of the test set."""
    return f" {TEST} samples also stand " in sentence


def _digests(x: Samples) -> Iterator[bytes]:
    if isinstance(x, Tree):
        for row in zip(*map(_digests, x.arrays()), strict=True):
            yield digest(np.frombuffer(b"".join(row), np.uint8))
    elif sparse.issparse(x):
        rows = x.sorted_indices()
        for start, stop in zip(rows.indptr, rows.indptr[1:], strict=False):
            yield digest(rows.indices[start:stop]) + digest(rows.data[start:stop])
    else:
        for block in _blocks(x):
            yield from map(digest, block)


def _targets(y: Any) -> Iterator[Any]:
    """Yield the target of each sample; of several targets a digest."""
    return _digests(y) if isinstance(y, Tree) else iter(y)


def _blocks(x: Samples) -> Iterator[Any]:
    return x.blocks() if isinstance(x, RowsOnDisk) else iter([x])
