import numpy as np
import pytest
from scipy import sparse

from studyhall.search.data.arrays import Arrays, checked
from studyhall.search.data.errors import DataError


def check(x, y, **more):
    return checked(Arrays(x, y), "data.npz", **more)


def problem(x, y, **more):
    with pytest.raises(DataError) as caught:
        check(x, y, **more)
    [line] = caught.value.problems
    return line


def test_8_bit_pictures_get_a_channel():
    assert check(np.zeros((4, 28, 28), np.uint8), range(4)).x.shape == (4, 28, 28, 1)


def test_sequences_of_numbers_stay_sequences():
    assert check(np.zeros((4, 100, 3)), range(4)).x.shape == (4, 100, 3)


def test_image_size_makes_float_arrays_pictures():
    assert check(np.zeros((4, 28, 28)), range(4), image_size=(28, 28)).x.shape == (4, 28, 28, 1)


def test_one_number_per_sample_becomes_a_column():
    assert check(np.arange(5.0), range(5)).x.shape == (5, 1)


def test_targets_keep_their_shape():
    assert check(np.zeros((3, 2)), np.array([[1], [0], [1]])).y.tolist() == [[1], [0], [1]]
    assert check(np.zeros((3, 2)), np.zeros((3, 5, 2))).y.shape == (3, 5, 2)


def test_targets_of_parts_differ_in_one_axis_of_length_1_at_most():
    x, column = np.zeros((2, 3)), np.array([[1], [0]])
    assert checked(Arrays(x, np.arange(2), test=(x, column)), "data.npz").test is not None
    with pytest.raises(DataError, match=r"targets of shapes \(\) and \(2,\) in data.npz, expected"):
        checked(Arrays(x, np.arange(2), test=(x, np.zeros((2, 2)))), "data.npz")


def test_sparse_rows_stay_sparse():
    x = check(sparse.coo_array(np.eye(3)), range(3)).x
    assert isinstance(x, sparse.csr_matrix) and x.dtype == np.float32


def test_python_lists_will_do():
    arrays = check([[1, 2], [3, 4]], ["cat", "dog"])
    assert arrays.x.shape == (2, 2) and arrays.y.tolist() == ["cat", "dog"]


def test_text_objects_become_text():
    assert check(np.zeros((2, 1)), np.array(["a", "bc"], object)).y.dtype.kind == "U"


@pytest.mark.parametrize(
    ("x", "y", "line"),
    [
        (
            np.zeros((3, 2)),
            [0, 1],
            "[data] source: received 3 samples but 2 targets in data.npz,"
            " expected one target for every sample",
        ),
        (
            [[1, 2], [3]],
            [0, 1],
            "[data] source: received ragged x in data.npz, expected rows of one length",
        ),
        (
            np.zeros((0, 2)),
            [],
            "[data] source: received no samples in data.npz (shape (0, 2)), expected at least one",
        ),
        (
            np.array([[1j], [2j]]),
            [0, 1],
            "[data] source: received x of type complex128 in data.npz, expected numbers, or texts",
        ),
        (
            np.zeros((2, 2)),
            [None, "a"],
            "[data] source: received y of type object and shape (2,) in data.npz,"
            " expected class names, class numbers or values, one per sample",
        ),
        (
            np.array([[1, 2], [3, np.nan], [np.inf, 0]]),
            [0, 1, 1],
            "[data] source: received nan in data.npz at x[1, 1] and 1 more,"
            " expected finite numbers",
        ),
        (
            np.zeros((3, 1)),
            [0.5, np.nan, 1.0],
            "[data] source: received nan in data.npz at y[1], expected finite numbers",
        ),
        (
            3.0,
            [1],
            "[data] source: received a single value as x in data.npz, expected an array",
        ),
    ],
)
def test_refused_with_the_place(x, y, line):
    assert problem(x, y) == line


def test_missing_number_among_sparse_rows_is_refused():
    assert "nan in data.npz" in problem(sparse.csr_matrix([[1.0, np.nan]]), [1])


def test_image_size_must_be_that_of_the_arrays():
    assert problem(np.zeros((4, 28, 28, 3)), range(4), image_size=(32, 32)) == (
        "[data] image_size: received [32, 32], expected [28, 28], the size in data.npz;"
        " only images of a folder are resized"
    )
    assert "no images in data.npz;" in problem(np.zeros((4, 5)), range(4), image_size=(32, 32))


def test_parts_of_different_shape_are_refused():
    arrays = Arrays(np.zeros((2, 3)), np.arange(2), test=(np.zeros((2, 4)), np.arange(2)))
    with pytest.raises(DataError, match=r"shapes \(3,\) and \(4,\) in data.npz, expected one"):
        checked(arrays, "data.npz")
