"""The pieces that data are split into: parts, and folds of a training and a validation part."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from studyhall.search.data import preparation
from studyhall.search.data.arrays import Samples
from studyhall.search.data.splits import Labels, Rows


@dataclass(frozen=True, eq=False)
class Part:
    """Raw samples with coded targets.

    Attributes:
        x: (N, …) array as the source has it, or (N, words) csr_matrix of a multi-hot source.
        y: int32 (N,) class numbers, float32 (N, k) labels, or float32 (N,) or (N, …) values.
        given: (N, …) targets as the user's own source gives them, for a model that the user
            compiles; None where a model takes `y` only.
    """

    x: Samples
    y: NDArray[Any]
    given: NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self.y)

    def rows(self, rows: Rows) -> "Part":
        """Some of the samples; a view where they follow one another."""
        start, stop = int(rows[0]), int(rows[0]) + len(rows)
        some = slice(start, stop) if np.array_equal(rows, np.arange(start, stop)) else rows
        given = None if self.given is None else self.given[some]
        return Part(self.x[some], self.y[some], given)


def joined(first: Part, second: Part) -> Part:
    """The samples of both, in their order."""
    stack = sparse.vstack if sparse.issparse(first.x) else np.concatenate
    given = None
    if first.given is not None and second.given is not None:
        given = np.concatenate((first.given, second.given))
    return Part(stack((first.x, second.x)), np.concatenate((first.y, second.y)), given)


@dataclass(frozen=True, eq=False)
class Fold:
    """One division of the samples outside of the test set; unpacks to (train, validation).

    Attributes:
        pool: every sample outside of the test set.
        train_rows: rows of `pool` that are trained on.
        validation_rows: rows of `pool` that are validated on.
        train_labels: of the rows that are trained on: what a share of them must respect.
        normalize: as the study file has it.
        one_hot: columns of categories, which normalisation leaves alone.
    """

    pool: Part
    train_rows: Rows
    validation_rows: Rows
    train_labels: Labels
    normalize: str = "auto"
    one_hot: tuple[bool, ...] = ()

    @property
    def train(self) -> Part:
        """The training part."""
        return self.pool.rows(self.train_rows)

    @property
    def validation(self) -> Part:
        """The validation part."""
        return self.pool.rows(self.validation_rows)

    @cached_property
    def preparation(self) -> preparation.Preparation:
        """The normalisation, fitted on this fold's training part.

        Raises:
            DataError: these samples cannot be normalised so.
        """
        return preparation.fit(self.train.x, self.normalize, self.one_hot)

    def __iter__(self) -> Iterator[Part]:
        return iter((self.train, self.validation))
