"""Words and vocabularies are those of Keras' TextVectorization, whatever the texts are."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from studyhall.search.data import words

# Few letters, so that words repeat and tie; and what separates or changes them in some language.
LETTERS = st.sampled_from(
    [*"abAB \t\n-,.'_", *"éÉßİ\u00a0\u2028\u3000\x0b\x0c\x1c\x85", "😀", "的"]
)
ANY = st.characters(exclude_characters="\0", exclude_categories=["Cs"])  # NUL is refused
TEXT = st.one_of(st.text(LETTERS, max_size=12), st.text(ANY, max_size=8))
TEXTS = st.lists(TEXT, min_size=1, max_size=8)


def with_a_word(texts: list[str]) -> list[str]:
    return [*texts, "a"]


def by_keras(texts: list[str], most: int, length: int) -> Any:
    """A layer adapted to texts, that knows so many words."""
    layer = keras.layers.TextVectorization(
        max_tokens=most + words.RESERVED, output_sequence_length=length
    )
    layer.adapt(tf.constant(texts))
    return layer


@settings(max_examples=60)
@given(TEXTS)
def test_words_are_those_of_keras(texts: list[str]) -> None:
    split = keras.layers.TextVectorization(vocabulary=["a"])._preprocess(tf.constant(texts))
    assert [words.split(text) for text in texts] == split.to_list()


@settings(max_examples=25)
@given(TEXTS.map(with_a_word), TEXTS, st.integers(1, 6), st.integers(1, 5))
def test_word_numbers_are_those_of_the_adapted_layer(
    texts: list[str], others: list[str], most: int, length: int
) -> None:
    layer = by_keras(texts, most, length)
    found = words.vocabulary(words.of(texts))
    assert found.first(most) == [*map(str, layer.get_vocabulary())][words.RESERVED :]
    for each in (texts, others):
        expected = np.array(layer(tf.constant(each)))
        expected[[not words.split(text) for text in each], 0] = words.UNKNOWN
        np.testing.assert_array_equal(found.encoded(words.of(each), most, length), expected)


@given(TEXTS.flatmap(lambda texts: st.tuples(st.just(texts), st.permutations(texts))))
def test_the_order_of_texts_does_not_change_the_vocabulary(
    pair: tuple[list[str], list[str]],
) -> None:
    one, other = (words.vocabulary(words.of(texts)) for texts in pair)
    assert one.words == other.words


@given(TEXTS, st.data())
def test_some_of_the_texts_are_as_if_they_were_alone(texts: list[str], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.integers(0, len(texts) - 1), min_size=1))
    few, alone = words.of(texts).take(np.array(rows)), words.of(texts[row] for row in rows)
    assert words.vocabulary(few).words == words.vocabulary(alone).words
    known = words.vocabulary(alone)
    np.testing.assert_array_equal(known.encoded(few, 9, 4), known.encoded(alone, 9, 4))


def test_long_texts_are_encoded_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = words.of(f"{n} a b" for n in range(50))
    known = words.vocabulary(tokens)
    whole = known.encoded(tokens, 7, 3)
    monkeypatch.setattr(words, "BLOCK", 20)
    np.testing.assert_array_equal(known.encoded(tokens, 7, 3), whole)
