import numpy as np
import pytest

from studyhall.search.data.errors import DataError
from studyhall.search.data.sources import npz

X, Y = np.arange(12.0).reshape(6, 2), np.array([0, 1, 0, 1, 0, 1])


def saved(folder, **arrays):
    path = folder / "data.npz"
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize(
    "names", [("x", "y"), ("X", "Y"), ("data", "target"), ("images", "labels")]
)
def test_one_pair_under_any_usual_name(tmp_path, names):
    arrays = npz.read(saved(tmp_path, **dict(zip(names, (X, Y), strict=True))))
    assert np.array_equal(arrays.x, X) and np.array_equal(arrays.y, Y)
    assert arrays.validation is None and arrays.test is None


@pytest.mark.parametrize(
    "names",
    [
        ("x_train", "y_train", "x_val", "y_val", "x_test", "y_test"),
        ("train_images", "train_labels", "val_images", "val_labels", "test_images", "test_labels"),
        ("X_train", "Y_train", "X_valid", "Y_valid", "X_test", "Y_test"),
    ],
)
def test_own_validation_and_test_set_are_told_apart(tmp_path, names):
    values = (X, Y, X[:4], Y[:4], X[:2], Y[:2])
    arrays = npz.read(saved(tmp_path, **dict(zip(names, values, strict=True))))
    assert [len(y) for _, y in arrays.parts] == [6, 4, 2]
    assert len(arrays.validation[1]) == 4 and len(arrays.test[1]) == 2


def test_group_names_an_array(tmp_path):
    patients = np.array([1, 1, 2, 2, 3, 3])
    path = saved(tmp_path, x=X, y=Y, patients=patients)
    assert npz.read(path, "patients").groups.tolist() == patients.tolist()
    with pytest.raises(DataError, match=r'\[data\] group: received "patient", expected the name'):
        npz.read(path, "patient")


def test_unknown_names_are_listed(tmp_path):
    with pytest.raises(DataError, match=r"received data.npz with a, b, expected x and y, or x_tr"):
        npz.read(saved(tmp_path, a=X, b=Y))


def test_targets_for_the_test_set_only_are_not_enough(tmp_path):
    with pytest.raises(DataError, match="with x_train, y_test, expected x and y"):
        npz.read(saved(tmp_path, x_train=X, y_test=Y))


def test_ragged_rows_are_refused_and_never_unpickled(tmp_path):
    rows = np.empty(2, object)
    rows[:] = [[1, 2], [3]]
    with pytest.raises(DataError, match=r"Python objects \(ragged rows\?\), expected arrays of nu"):
        npz.read(saved(tmp_path, x=rows, y=Y[:2]))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "data.npz, an empty file"),
        (b"PK\3\4 is how it begins", "data.npz, which is not an .npz file"),
        (b"a,b\n1,2\n", "data.npz"),
    ],
)
def test_not_an_archive(tmp_path, content, said):
    path = tmp_path / "data.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=said):
        npz.read(path)


def test_a_single_array_is_not_an_archive(tmp_path):
    path = tmp_path / "data.npz"
    with path.open("wb") as file:
        np.save(file, X)
    with pytest.raises(DataError, match=r"which is not an .npz file"):
        npz.read(path)


def test_a_damaged_archive_is_refused(tmp_path):
    path = tmp_path / "data.npz"
    np.savez_compressed(path, x=np.random.default_rng(0).random((100, 10)), y=np.zeros(100))
    content = bytearray(path.read_bytes())
    content[200:400] = bytes(200)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"which is not an .npz file"):
        npz.read(path)
