import numpy as np
import pytest
from scipy import sparse

from studyhall.search.data import duplicates, loading
from studyhall.search.study_file.input_sections import DataSection


def told(folder, x, y, own, own_y):
    np.savez(folder / "d.npz", x_train=x, y_train=y, x_test=own, y_test=own_y)
    section = DataSection(source="d.npz", split=(0.5, 0.25, 0.25))
    return [*duplicates.notes(loading.load(section, seed=0, folder=folder))]


@pytest.mark.parametrize("shape", [(), (3,), (4, 4), (4, 4, 3)])
def test_samples_in_two_parts_are_counted(tmp_path, shape):
    x = np.random.default_rng(0).random((60, *shape))
    y = np.arange(60) % 2
    assert told(tmp_path, x, y, x[:5] + 1, y[:5]) == []
    assert told(tmp_path, x, y, np.concatenate((x[:4], x[:6] + 1)), np.arange(10) % 3 // 2) == [
        "4 of 10 test samples also stand among the training and validation samples,"
        " 3 of them with another target"
    ]


def test_between_training_and_validation(tmp_path):
    x, y = np.repeat(np.arange(30.0), 2), np.repeat(np.arange(30) % 2, 2)
    [line, _] = told(tmp_path, x, y, x[:2], y[:2])
    assert line.endswith("validation samples also stand among the training samples")


def test_sparse_rows():
    x = sparse.csr_matrix(np.eye(4, 6))
    part = loading.Part(sparse.vstack((x, x[:2])).tocsr(), np.zeros(6))
    digests = [*duplicates._digests(part.x)]
    assert digests[:2] == digests[4:] and len({*digests}) == 4
