"""Sorted values against a plain sorted list and NumPy."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from studyhall.storage.sampling import sorted_values
from studyhall.storage.sampling.sorted_values import SortedValues

NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=32)


@given(st.lists(st.one_of(NUMBERS, st.lists(NUMBERS, max_size=20)), max_size=60), st.randoms())
@settings(max_examples=100, deadline=None)
def test_is_a_sorted_list(arriving: list[float | list[float]], random: object) -> None:
    chunk, sorted_values._CHUNK = sorted_values._CHUNK, 4
    try:
        values, expected = SortedValues(), []
        for one in arriving:
            if isinstance(one, list):
                values.extend(one)
                expected += one
            elif expected and random.random() < 0.2:  # type: ignore[attr-defined]
                gone = random.choice(expected)  # type: ignore[attr-defined]
                values.remove(gone)
                expected.remove(gone)
            else:
                values.add(one)
                expected.append(one)
        assert [values[rank] for rank in range(len(values))] == sorted(expected)
    finally:
        sorted_values._CHUNK = chunk


@given(st.lists(NUMBERS, min_size=1, max_size=50), st.floats(0, 100))
@settings(max_examples=300, deadline=None)
def test_percentile_is_numpys(numbers: list[float], percent: float) -> None:
    assert SortedValues(numbers).percentile(percent) == np.percentile(numbers, percent)
