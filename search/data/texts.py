"""Samples that are texts: arrays of strings, checked, and what is to be known of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studyhall.search.data import unicode_form
from studyhall.search.data.errors import refusal
from studyhall.search.data.words import Tokens, Vocabulary
from studyhall.spaces import spelling

NO_TEXT = ""  # for a missing value

Texts = NDArray[np.object_]  # of str


def is_texts(x: Any) -> bool:
    """Return True for an array of strings, among which some may be missing."""
    kind = getattr(getattr(x, "dtype", None), "kind", "")
    if kind != "O":
        return kind in "US" and kind != ""
    held = [each for each in x.flat if not _is_missing(each)]
    return bool(held) and all(isinstance(each, str | bytes) for each in held)


def checked(x: NDArray[Any], source: str) -> Texts:
    """Return an array of strings as (N,) `str`, "" where one is missing.

    Args:
        x: for which `is_texts`, (N,) or (N, 1).
        source: the source's name, for messages.

    Raises:
        DataError: there are none, several per sample, or some that are not Unicode.
    """
    if x.ndim == 2 and x.shape[1] == 1:
        x = x[:, 0]
    if x.ndim != 1:
        received = f"texts of shape {x.shape} in {source}"
        raise refusal("source", received, "one text for each sample: (N,)")
    if not len(x):
        raise refusal("source", f"no samples in {source}", "at least one")
    texts = np.empty(len(x), object)
    for row, each in enumerate(x):
        texts[row] = _text(each, row, source)
    return texts


def _text(value: Any, row: int, source: str) -> str:
    if _is_missing(value):
        return NO_TEXT
    try:
        text = value.decode() if isinstance(value, bytes) else str(value)
        text.encode()
    except UnicodeError:
        received = f"a text with broken characters in {source} at x[{row}]"
        raise refusal("source", received, "texts in Unicode; bytes in UTF-8") from None
    text = unicode_form.composed(text)
    if "\0" in text:  # NumPy, and so Keras' vocabulary, cuts words at their end
        received = f"a text with a NUL character in {source} at x[{row}]"
        raise refusal("source", received, "texts without it")
    return text


def _is_missing(value: Any) -> bool:
    """Return True for None, NaN and pandas' NA: none of them equals itself, or is a string."""
    return value is None or type(value).__name__ == "NAType" or value != value


def content(texts: Texts) -> Iterator[Any]:
    """Yield bytes that tell these texts from any others."""
    encoded = [text.encode() for text in texts]
    yield np.array([len(each) for each in encoded], np.int64).tobytes()
    yield from encoded


def notes(lengths: NDArray[np.int64]) -> list[str]:
    """Return a sentence on texts without words.

    Args:
        lengths: (N,) number of words of each text.
    """
    empty, count = int((lengths == 0).sum()), len(lengths)
    said = f"no word in {spelling.counted(empty, 'text')} of {count:,}: read as one unknown word"
    return [said] if empty else []


def described(tokens: Tokens, vocabulary: Vocabulary) -> list[tuple[str, str]]:
    """Return what `studyhall check` shows about texts: words, and lengths that cover most texts."""
    median, most = np.percentile(tokens.lengths, (50, 95)).round().astype(int)
    return [
        ("words", f"{len(vocabulary.words):,} different ones in the training part"),
        ("lengths", f"{median:,} words in the median, up to {most:,} in 95 % of all texts"),
    ]
