"""Parts of the data, and folds: divisions into a training and a validation part."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studyhall.search.data import arrays, preparation, texts, trees, words
from studyhall.search.data.arrays import Samples
from studyhall.search.data.labels import Labels, Rows
from studyhall.search.data.trees import Tree


@dataclass(frozen=True, eq=False)
class Part:
    """Raw samples with coded targets.

    Attributes:
        x: (N, …) samples before normalisation, in memory or on disk, or (N, words) csr_matrix of a
            multi-hot source.
        y: int32 (N,) class numbers, float32 (N, k) labels, or float32 (N,) or (N, …) values.
        given: (N, …) targets in the form of the user's own source, for a model that the user's
            code compiles; None if every model takes `y`.
        weights: float32 (N,) weights of the samples in the loss, or a tree of these; None: all 1.
        tokens: the words of texts; None for other samples.

    Samples and targets may be trees of arrays, too.
    """

    x: Samples
    y: Any
    given: Any = None
    weights: Any = None
    tokens: words.Tokens | None = None

    def __len__(self) -> int:
        return len(self.y)

    def rows(self, rows: Rows) -> "Part":
        """Return some of the samples; a view, not a copy, if their row numbers are consecutive."""
        start, stop = int(rows[0]), int(rows[0]) + len(rows)
        some = slice(start, stop) if np.array_equal(rows, np.arange(start, stop)) else rows
        given = None if self.given is None else self.given[some]
        weights = None if self.weights is None else self.weights[some]
        tokens = None if self.tokens is None else self.tokens.take(some)
        return Part(arrays.some(self.x, some), self.y[some], given, weights, tokens)

    def split(self) -> "Part":
        """Return the same texts, split into words; any other samples as they are."""
        if self.tokens is not None or not texts.is_texts(self.x):
            return self
        return replace(self, tokens=words.of(self.x))


def joined(first: Part, second: Part) -> Part:
    """Concatenate the samples of both parts."""
    given = None
    if first.given is not None and second.given is not None:
        given = trees.joined(first.given, second.given)
    x, y = arrays.joined(first.x, second.x), trees.joined(first.y, second.y)
    return Part(x, y, given, _weights(first, second))


def _weights(first: Part, second: Part) -> Any:
    """Return the weights of both parts; samples of a part without weights count as 1."""
    known = [part.weights for part in (first, second) if part.weights is not None]
    if not known:
        return None
    pair = [_ones(known[0], len(p)) if p.weights is None else p.weights for p in (first, second)]
    return trees.joined(*pair)


def _ones(like: Any, count: int) -> Any:
    if isinstance(like, Tree):
        return Tree(trees.mapped(lambda leaf: _ones(leaf, count), like.nested))
    return np.ones((count, *like.shape[1:]), np.float32)


@dataclass(frozen=True, eq=False)
class Fold:
    """One division of the samples outside of the test set; unpacks to (train, validation).

    Attributes:
        pool: every sample outside of the test set.
        train_rows: rows of `pool` that are trained on.
        validation_rows: rows of `pool` that are validated on.
        train_labels: labels of `train_rows`, for drawing a stratified share of them.
        normalize: ``[data] normalize``.
        one_hot: True for each column of a category, which is not normalised.
        gaps: True if NaN stands for missing numbers.
    """

    pool: Part
    train_rows: Rows
    validation_rows: Rows
    train_labels: Labels
    normalize: str = "auto"
    one_hot: tuple[bool, ...] = ()
    gaps: bool = False

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
            DataError: these samples can't be normalised this way.
        """
        return preparation.fit(self.train.x, self.normalize, self.one_hot, gaps=self.gaps)

    @cached_property
    def vocabulary(self) -> words.Vocabulary:
        """The words of this fold's training texts, the most frequent first."""
        tokens = self.train.tokens
        assert tokens is not None, "no texts"
        return words.vocabulary(tokens)

    def encoded(self, part: Part, most: int, length: int) -> NDArray[np.int32]:
        """Return the word numbers of texts, (N, length); see `Vocabulary.encoded`."""
        tokens = part.split().tokens
        assert tokens is not None, "no texts"
        return self.vocabulary.encoded(tokens, most, length)

    @property
    def size(self) -> int:
        """The number of training samples."""
        return len(self.train_rows)

    def few(self, count: int) -> Part:
        """Return some training samples."""
        return self.pool.rows(self.train_rows[:count])

    def __iter__(self) -> Iterator[Part]:
        return iter((self.train, self.validation))
