"""The words of texts, as Keras' `TextVectorization` splits and ranks them.

The exported model splits texts with that layer. Training gets the same word numbers from here:
texts are split once per process, and any vocabulary and length is then a matter of milliseconds.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

PADDING, UNKNOWN = 0, 1  # what stands after a text's last word, and for any word not known
RESERVED = 2  # word numbers that are no word
BLOCK = 1 << 22  # word numbers that are computed at a time, to limit memory

# Only English letters become small, as in Keras.
_SMALL = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"abcdefghijklmnopqrstuvwxyz")
_PUNCTUATION = b"!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'"

Numbers = NDArray[np.int32]


def split(text: str) -> list[bytes]:
    """Return the words of a text in UTF-8: in small letters, without punctuation."""
    return text.encode().translate(_SMALL, _PUNCTUATION).split()


@dataclass(frozen=True, eq=False)
class Tokens:
    """The words of texts, each as a number.

    Attributes:
        known: every word that occurs, by its number.
        numbers: (T,) the words of all texts, one text after the other.
        starts, stops: (N,) places in `numbers` where the words of each text begin and end.
    """

    known: tuple[bytes, ...]
    numbers: Numbers
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]

    def take(self, rows: Any) -> Tokens:
        """Return some of the texts, by a slice or an array of row numbers."""
        return replace(self, starts=self.starts[rows], stops=self.stops[rows])

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The number of words of each text, (N,)."""
        return self.stops - self.starts


def of(texts: Iterable[str]) -> Tokens:
    """Split texts into words."""
    numbered: defaultdict[bytes, int] = defaultdict()
    numbered.default_factory = numbered.__len__
    numbers, stops = array("i"), array("q")
    for text in texts:
        numbers.extend(map(numbered.__getitem__, split(text)))
        stops.append(len(numbers))
    ends = np.array(stops, np.int64)
    starts = np.concatenate(([0], ends[:-1])).astype(np.int64)
    return Tokens(tuple(numbered), np.array(numbers, np.int32), starts, ends)


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The words of the training texts.

    Attributes:
        words: the most frequent first; of equally frequent ones the last in the alphabet, as
            Keras' `adapt` ranks them.
    """

    words: tuple[bytes, ...]

    def first(self, most: int) -> list[str]:
        """Return the most frequent words, at most so many."""
        return [word.decode() for word in self.words[:most]]

    def encoded(self, tokens: Tokens, most: int, length: int) -> Numbers:
        """Return the word numbers of texts, (N, length).

        Words from 2 on; 1 for a word not among the most frequent, 0 after the last one. A text
        without words counts as one unknown word, since nothing can be pooled over no words.

        Args:
            tokens: the texts.
            most: words that are known.
            length: words of each text that are read; the rest is cut off.
        """
        ranks = [self._ranks.get(word, most) for word in tokens.known]
        ids = np.array([RESERVED + rank if rank < most else UNKNOWN for rank in ranks], np.int32)
        found = np.zeros((len(tokens.starts), length), np.int32)
        step = max(1, BLOCK // length)
        for start in range(0, len(found), step):
            rows = slice(start, start + step)
            _fill(found[rows], tokens.take(rows), ids)
        found[tokens.lengths == 0, 0] = UNKNOWN
        return found

    @cached_property
    def _ranks(self) -> dict[bytes, int]:
        return {word: rank for rank, word in enumerate(self.words)}


def _fill(found: Numbers, tokens: Tokens, ids: Numbers) -> None:
    places = np.arange(found.shape[1])
    there = places < tokens.lengths[:, np.newaxis]
    found[there] = ids[tokens.numbers[(tokens.starts[:, np.newaxis] + places)[there]]]


def vocabulary(tokens: Tokens) -> Vocabulary:
    """Rank the words of texts by their frequency."""
    pieces = [tokens.numbers[a:b] for a, b in zip(tokens.starts, tokens.stops, strict=True)]
    counts = np.bincount(np.concatenate(pieces), minlength=len(tokens.known))
    known = np.array([*tokens.known, b""], object)[:-1]  # never (N, letters)
    ranked = np.lexsort((known, counts))[::-1]
    return Vocabulary(tuple(known[ranked[counts[ranked] > 0]]))
