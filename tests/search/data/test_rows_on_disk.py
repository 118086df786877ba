import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studyhall.search.data import rows_on_disk
from studyhall.search.data.errors import DataError
from studyhall.search.data.rows_on_disk import RowFile, RowsOnDisk

WHOLE = np.random.default_rng(0).integers(0, 256, (20, 3, 2), np.uint8)


@pytest.fixture(scope="module")
def rows():
    file = RowFile(WHOLE.shape, WHOLE.dtype)
    for number, row in enumerate(WHOLE):
        file[number] = row
    return RowsOnDisk(file, np.arange(len(WHOLE)))


@given(st.lists(st.integers(-20, 19), max_size=8), st.slices(20))
def test_indexed_like_an_array(rows, chosen, part):
    numbers = np.array(chosen, np.int64)
    assert np.array_equal(rows[numbers], WHOLE[numbers])
    assert np.array_equal(rows[part], WHOLE[part])
    assert np.array_equal(rows.take(part)[:], WHOLE[part])
    taken = rows.take(numbers)
    both = taken.joined(rows.take(part))
    assert np.array_equal(both[:], np.concatenate((WHOLE[numbers], WHOLE[part])))
    assert taken.shape == WHOLE[numbers].shape and len(taken) == len(chosen)


def test_the_attributes_of_an_array(rows):
    for name in ("shape", "ndim", "size", "nbytes", "dtype"):
        assert getattr(rows, name) == getattr(WHOLE, name)
    assert (rows.min(), rows.max()) == (WHOLE.min(), WHOLE.max())
    assert np.array_equal(rows[7], WHOLE[7]) and np.array_equal(np.asarray(rows), WHOLE)


def test_prepared_as_it_is_read(rows):
    half = rows.prepared(lambda x: (x / 2).astype(np.float32), np.float32)
    assert half.dtype == half[3:5].dtype == np.float32
    assert np.array_equal(half.take([4, 2])[:], WHOLE[[4, 2]] / 2)
    assert half.nbytes == 4 * rows.nbytes


def test_nothing_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(rows_on_disk.tempfile, "tempdir", None)
    file = RowFile((2, 2), np.uint8)
    assert [*tmp_path.iterdir()] == []
    number = file._file.fileno()
    del file
    with pytest.raises(OSError):
        os.fstat(number)


def test_a_full_disk_is_said():
    with pytest.raises(DataError, match=r"samples of 9\d+\.\d GiB, for which .* has no room"):
        RowFile((10**12, 1000), np.uint8)
