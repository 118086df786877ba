import gzip
import struct
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from studyhall.search.data.errors import DataError
from studyhall.search.data.sources import keras_sets, reading
from studyhall.search.study_file.input_sections import DataSection


def read(source, folder=Path(), **more):
    return reading.read(DataSection(source=source, **more), folder)


def problems(source, folder=Path(), **more):
    with pytest.raises(DataError) as caught:
        read(source, folder, **more)
    return caught.value.problems


@pytest.mark.parametrize(
    ("source", "shape", "classes"),
    [
        ("digits", (1797, 8, 8, 1), 10),
        ("digits(n_class=3)", (537, 8, 8, 1), 10),
        ("iris", (150, 4), 3),
        ("wine", (178, 13), 3),
        ("breast_cancer", (569, 30), 2),
        ("diabetes", (442, 10), 0),
        ("blobs", (1000, 2), 0),
        ("blobs(n_samples=60, centers=[[0, 0, 0], [9, 9, 9]], cluster_std=0.5)", (60, 3), 0),
        ("moons (noise=0.1)", (1000, 2), 0),
    ],
)
def test_what_scikit_learn_has(source, shape, classes):
    arrays = read(f"sklearn:{source}")
    assert arrays.x.shape == shape and arrays.x.dtype == np.float32
    assert len(arrays.classes) == classes and len(arrays.y) == shape[0]


def test_drawn_data_are_the_same_every_time():
    for source in ("sklearn:blobs", "sklearn:moons"):
        assert np.array_equal(read(source).x, read(source).x)
    assert not np.array_equal(read("sklearn:blobs").x, read("sklearn:blobs(random_state=2)").x)


def test_the_documents_blobs():
    from sklearn.datasets import make_blobs

    x, y = make_blobs(n_samples=1000, centers=3, n_features=2, cluster_std=2, random_state=2)
    arrays = read("sklearn:blobs(centers=3, n_features=2, cluster_std=2, random_state=2)")
    assert np.array_equal(arrays.x, x.astype(np.float32)) and np.array_equal(arrays.y, y)


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (
            "sklearn:digit",
            '[data] source: received "sklearn:digit", expected after sklearn: one of digits, iris,'
            ' wine, breast_cancer, diabetes, blobs, moons; did you mean "digits"?',
        ),
        (
            "sklearn:blobs(center=3)",
            '[data] source: received "center" in sklearn:blobs(center=3), expected one of'
            " n_samples, n_features, centers, cluster_std, center_box, random_state;"
            ' did you mean "centers"?',
        ),
        (
            "sklearn:iris(seed=1)",
            '[data] source: received "seed" in sklearn:iris(seed=1), expected no arguments',
        ),
        (
            "sklearn:blobs(1000)",
            '[data] source: received "sklearn:blobs(1000)",'
            " expected arguments as name=value with numbers or strings",
        ),
        (
            "sklearn:blobs(centers=print('no'))",
            "[data] source: received \"sklearn:blobs(centers=print('no'))\","
            " expected arguments as name=value with numbers or strings",
        ),
        (
            "sklearn:blobs(centers=3",
            '[data] source: received "sklearn:blobs(centers=3", expected after sklearn: one of'
            " digits, iris, wine, breast_cancer, diabetes, blobs, moons",
        ),
        (
            "keras:fashion-mnist",
            '[data] source: received "keras:fashion-mnist", expected after keras: one of mnist,'
            " fashion_mnist, cifar10, cifar100, imdb, reuters, california_housing;"
            ' did you mean "fashion_mnist"?',
        ),
    ],
)
def test_a_mistyped_collection(source, line):
    assert problems(source) == [line]


def test_a_value_that_scikit_learn_refuses():
    [line] = problems("sklearn:blobs(n_samples=-1)")
    assert line.startswith('[data] source: received "sklearn:blobs(n_samples=-1)", expected other')
    assert "n_samples" in line.partition("expected")[2]


def test_a_missing_file(tmp_path):
    [line] = problems("digits.npz", tmp_path)
    assert line.startswith(
        f'[data] source: received "digits.npz", which does not exist ({tmp_path}/digits.npz),'
        " expected sklearn:digits, keras:mnist, data.npz"
    )


def test_a_file_of_another_kind(tmp_path):
    (tmp_path / "data.docx").write_text("")
    [line] = problems("data.docx", tmp_path)
    assert line.startswith('[data] source: received "data.docx", expected sklearn:digits')


def as_nobody(folder, code):
    """Return what a user without rights is told: root may read and write everything."""
    code = (
        "import os; from pathlib import Path;"
        " from studyhall.search.data import loading;"
        " from studyhall.search.data.sources import keras_sets;"
        " from studyhall.search.study_file import sections;"
        f"os.getuid() or os.setuid(65534)\ntry:\n    {code}\n"
        "except loading.DataError as error:\n    print(error)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    return found.stdout


def test_a_file_that_may_not_be_read(tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "data.npz").touch(mode=0o000)
    section = 'sections.DataSection(source="data.npz")'
    said = as_nobody(tmp_path, f"loading.load({section}, seed=0, folder=Path())")
    assert said == (
        "[data] source: received data.npz, which is not readable, expected permission to read it\n"
    )


@pytest.mark.slow
def test_a_read_only_cache_of_keras_is_not_silently_replaced(tmp_path, monkeypatch):
    tmp_path.chmod(0o755)
    (tmp_path / "home").mkdir(mode=0o555)
    for home in ("home", "home/keras"):
        monkeypatch.setenv("KERAS_HOME", home)
        assert as_nobody(tmp_path, "keras_sets.cache()") == (
            f"[data] source: received {home} as the cache of Keras, which is read-only,"
            " expected KERAS_HOME to name a writable folder\n"
        )


def test_paths_are_relative_to_the_study_file_or_absolute(tmp_path):
    np.savez(tmp_path / "data.npz", x=np.zeros((4, 2)), y=[0, 1, 0, 1])
    assert read("data.npz", tmp_path).x.shape == (4, 2)
    assert read(str(tmp_path / "data.npz"), Path("/nowhere")).x.shape == (4, 2)


def test_keys_that_the_source_has_no_use_for():
    assert problems("sklearn:iris", target="species", group="patient", grey=True) == [
        '[data] target: received "species" for sklearn:iris, expected this key only for a table',
        '[data] group: received "patient" for sklearn:iris,'
        " expected this key only for a table or an .npz file",
        "[data] grey: received true for sklearn:iris,"
        " expected this key only for a folder of images",
    ]


def test_multi_hot_rows():
    rows = keras_sets.multi_hot(np.array([[1, 3, 3], [], [0, 4]], object), 5)
    assert isinstance(rows, sparse.csr_matrix) and rows.dtype == np.float32
    assert rows.toarray().tolist() == [[0, 1, 0, 1, 0], [0] * 5, [1, 0, 0, 0, 1]]


@pytest.fixture
def keras_home(tmp_path, monkeypatch):
    """An empty cache of Keras, and no network."""
    from keras.src.backend import config

    monkeypatch.setattr(config, "_KERAS_DIR", str(tmp_path))  # Keras reads KERAS_HOME only once
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    for scheme in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(scheme, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    # What the first request of a process finds in the environment, all later ones go through.
    monkeypatch.setattr(urllib.request, "_opener", None)
    return tmp_path


def test_a_data_set_in_the_cache_of_keras(keras_home):
    folder = keras_home / "datasets" / "fashion-mnist"
    folder.mkdir(parents=True)
    pixels = np.arange(5 * 28 * 28, dtype=np.uint8)
    labels = np.arange(5, dtype=np.uint8)
    for part, count in (("train", 5), ("t10k", 2)):
        for kind, header, values in (
            ("labels-idx1", struct.pack(">ii", 2049, count), labels[:count]),
            ("images-idx3", struct.pack(">iiii", 2051, count, 28, 28), pixels[: count * 784]),
        ):
            with gzip.open(folder / f"{part}-{kind}-ubyte.gz", "wb") as file:
                file.write(header + values.tobytes())
    arrays = read("keras:fashion_mnist")
    assert arrays.x.shape == (5, 28, 28, 1) and arrays.x.dtype == np.uint8
    assert arrays.test is not None and len(arrays.test[1]) == 2
    assert arrays.classes[1] == "Trouser"


def test_a_data_set_that_cannot_be_fetched(keras_home, capsys):
    [line] = problems("keras:reuters(num_words=100)")
    assert line.startswith(
        '[data] source: received "keras:reuters", which is neither cached nor downloadable ('
    )
    assert line.endswith(
        f"expected internet access, or a copy at {keras_home}/datasets/reuters.npz"
    )


def test_a_value_that_keras_refuses(keras_home):
    [line] = problems('keras:cifar100(label_mode="best")')
    assert "expected other values: `label_mode` must be one of" in line


def test_reading_needs_no_tensorflow():
    code = (
        "import sys; from studyhall.search.data import loading;"
        " from studyhall.search.study_file import sections;"
        " from pathlib import Path;"
        " loading.load(sections.DataSection(source='sklearn:iris'), seed=0, folder=Path());"
        " sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
