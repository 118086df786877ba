"""Numbers in every spelling that people use are the numbers that they mean."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studyhall.search.data.columns import numbers

VALUES = st.floats(-1e12, 1e12).map(lambda value: round(value, 2))


def plain(value):
    return f"{value:.2f}"


def thousands(value):
    return f"{value:,.2f}"


def decimal_comma(value):
    return f"{value:,.2f}".translate(str.maketrans(",.", ".,"))


def apostrophes(value):
    return f"{value:,.2f}".replace(",", "'")


def spaces(value):
    return f" {value:,.2f} ".replace(",", "\u00a0")


def dollars(value):
    return f"-${-value:,.2f}" if value < 0 else f"${value:,.2f}"


def euros(value):
    return f"{value:.2f} €"


def per_cent(value):
    return f"{value:.2f} %"


SPELLINGS = [plain, thousands, apostrophes, spaces, dollars, euros, per_cent]


@pytest.mark.parametrize("spelling", SPELLINGS)
@given(values=st.lists(VALUES, min_size=1, max_size=8))
def test_a_spelling_is_read(spelling, values):
    texts = pd.Series([spelling(value) for value in values])
    assert np.array_equal(numbers.parsed(texts), values)


@given(values=st.lists(VALUES, min_size=1, max_size=8))
def test_decimal_commas_are_read_where_they_are_meant(values):
    texts = pd.Series([decimal_comma(value) for value in values])
    assert numbers.style(texts) == "decimal comma"
    assert np.array_equal(numbers.parsed(texts, "decimal comma"), values)


@given(text=st.text(max_size=6))
def test_what_is_no_number_is_none(text):
    (value,) = numbers.parsed(pd.Series([text]))
    assert np.isnan(value) or any(sign.isdigit() for sign in text) or "inf" in text.lower()


@pytest.mark.parametrize("text", sorted(numbers.MISSING))
def test_words_for_missing_numbers(text):
    texts = pd.Series([text, text.upper(), f" {text} "])
    assert numbers.is_missing(texts).all() and np.isnan(numbers.parsed(texts)).all()


@pytest.mark.parametrize(
    ("texts", "style"),
    [
        (["1.5", "2"], ""),
        (["1,163.74", "5"], "thousands"),
        (["1,163,000", "5"], "thousands"),
        (["1,163", "2.5"], "thousands"),
        (["1,163", "1163"], "either"),
        (["1,163", "2,222"], "either"),
        (["1,16"], "decimal comma"),
        (["1.163,74"], "decimal comma"),
        (["0,163"], "decimal comma"),
    ],
)
def test_the_meaning_of_commas(texts, style):
    assert numbers.style(pd.Series(texts)) == style


def test_hexadecimal_numbers():
    assert numbers.parsed(pd.Series(["0x1f", "0XFF"])).tolist() == [31, 255]


def test_long_whole_numbers_that_float64_cant_tell_apart():
    texts = pd.Series(["1180591620717411303424", "5", "1180591620717411303425"])
    assert numbers.loses_digits(texts, numbers.parsed(texts)).tolist() == [0, 2]
    apart = pd.Series(["1000000000000000000000", "2000000000000000000000"])
    assert not len(numbers.loses_digits(apart, numbers.parsed(apart)))


@given(values=st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=8))
def test_dots_of_thousands_beside_decimal_commas(values):
    texts = pd.Series(["0,5", *(f"{value:,}".replace(",", ".") for value in values)])
    assert numbers.style(texts) == "decimal comma"
    assert np.array_equal(numbers.parsed(texts, "decimal comma"), [0.5, *values])


@pytest.mark.parametrize("text", ["2.5", "1.2345", "1.23.456", "12.34,5"])
def test_a_decimal_point_among_decimal_commas_is_no_number(text):
    assert np.isnan(numbers.parsed(pd.Series(["1,5", text]), "decimal comma")).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("commas", "value"), [("", None), ("thousands", 10961), ("decimal comma", 10.961)]
)
def test_one_comma_is_read_as_the_column_says_or_not_at_all(commas, value):
    (found,) = numbers.parsed(pd.Series(["10,961"]), commas)
    assert np.isnan(found) if value is None else found == value


@pytest.mark.parametrize(
    ("texts", "mixed"),
    [
        (["43 %", "0.43"], True),
        (["$5", "5 €"], True),
        (["$5", "5"], False),
        (["43 %", "1 %"], False),
        (["1", "2"], False),
    ],
)
def test_units_are_not_mixed(texts, mixed):
    assert numbers.is_mixed(numbers.units(pd.Series(texts))) == mixed
