"""Tables in float32 where that is enough, in float64 where a column needs it, refused beyond."""

import numpy as np
import pandas as pd
import pytest

from studyhall.search.data import precision
from studyhall.search.data.columns.features import Column
from studyhall.search.data.errors import DataError
from studyhall.search.data.sources import tables

RNG = np.random.default_rng(0)
EVERYDAY = {"age": RNG.integers(18, 90, 50), "cm": RNG.normal(170, 9, 50), "yes": [True] * 50}


def read(**columns):
    frame = pd.DataFrame(columns)
    for at, name in enumerate(frame):
        column = frame[name].to_numpy()[:, np.newaxis]
        precision.check(column, lambda row, _, at=at: f"row {row}, column {at}")
    return tables.matrix(frame, [Column(str(name), "number") for name in frame])


def test_everyday_numbers_take_float32():
    assert read(**EVERYDAY).dtype == np.float32
    assert read(**EVERYDAY, price=RNG.normal(4e5, 1e5, 50), tiny=[1e-9, 2e-9] * 25).dtype == "f4"


@pytest.mark.parametrize(
    "column",
    [
        np.array([900_000_000_000, 900_000_000_001] * 25),
        1_700_000_000_000 + 1000 * np.arange(50),
        2457000 + RNG.random(50) / 10,
        [1e39, 2e39] * 25,
        [1e-45, 2.5e-45] * 25,
    ],
    ids=["codes", "milliseconds", "Julian days", "too large", "too small"],
)
def test_a_column_that_needs_more_digits_has_them(column):
    found = read(**EVERYDAY, more=column)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found[:, 3], np.asarray(column, np.float64))


def test_large_numbers_far_apart_are_read():
    hashes = RNG.integers(0, 2**63, 50)
    assert read(hash=hashes, more=hashes.astype(np.uint64) * 2).dtype == np.float32


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_whole_numbers_that_float64_cant_tell_apart_are_refused(dtype):
    column = (np.array([2**53, 2**53 + 1] * 25)).astype(dtype)
    with pytest.raises(DataError) as caught:
        read(**EVERYDAY, id=column)
    assert caught.value.problems == [
        "[data] source: received 9007199254740993 in row 1, column 3, whose last digits float64 "
        "loses, expected numbers below 2**53: subtract the smallest, for example"
    ]
