"""Sources from `keras.datasets`, such as `keras:mnist` and `keras:imdb(num_words=10000)`."""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from studyhall.search.data.arrays import Arrays
from studyhall.search.data.errors import refusal
from studyhall.search.study_file import paths


@dataclass(frozen=True)
class Published:
    """The description of a Keras data set.

    Attributes:
        file: path of its file in Keras' cache, below `datasets`.
        arguments: the arguments of `load_data` that a study file may give.
        words: True if samples are lists of word numbers.
        classes: names of the labels 0, 1, …
    """

    file: str
    arguments: tuple[str, ...] = ()
    words: bool = False
    classes: tuple[str, ...] = ()


OF_TEXT = ("num_words", "skip_top", "maxlen", "seed", "start_char", "oov_char", "index_from")
NUM_WORDS = 10_000  # default vocabulary: the most frequent words ("Keras from scratch, part 5")

SETS = {
    "mnist": Published("mnist.npz"),
    "fashion_mnist": Published(
        "fashion-mnist/train-images-idx3-ubyte.gz",
        classes=(
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
    ),
    "cifar10": Published(
        "cifar-10-batches-py-target_archive",
        classes=(
            *("airplane", "automobile", "bird", "cat", "deer"),
            *("dog", "frog", "horse", "ship", "truck"),
        ),
    ),
    "cifar100": Published("cifar-100-python-target_archive", ("label_mode",)),
    "imdb": Published("imdb.npz", OF_TEXT, words=True, classes=("negative", "positive")),
    "reuters": Published("reuters.npz", (*OF_TEXT, "test_split"), words=True),
    "california_housing": Published("california_housing.npz", ("version", "test_split", "seed")),
}


def read(name: str, arguments: Mapping[str, Any]) -> Arrays:
    """Load one of `SETS`; IMDB reviews and Reuters newswires as multi-hot rows (N, num_words).

    Raises:
        DataError: the file is not in Keras' cache and can't be downloaded.
        ValueError: Keras refuses an argument's value.
    """
    published = SETS[name]
    if published.words:
        arguments = {"num_words": NUM_WORDS, **arguments}
    (x, y), (x_test, y_test) = _load(name, arguments)
    if published.words:
        width = arguments["num_words"] or 1 + max(max(words) for words in [*x, *x_test])
        x, x_test = multi_hot(x, width), multi_hot(x_test, width)
    return Arrays(x, y, test=(x_test, y_test), classes=published.classes)


def multi_hot(sequences: Any, width: int) -> Any:
    """Convert lists of word numbers to a float32 csr_matrix (N, width), 1 where a word occurs."""
    ends = np.cumsum([0, *(len(words) for words in sequences)])
    columns = np.concatenate([np.asarray(words, np.int32) for words in sequences])
    counts = sparse.csr_matrix(
        (np.ones(len(columns), np.float32), columns, ends), (len(sequences), width)
    )
    counts.sum_duplicates()  # merges the entries of a word that occurs several times
    counts.data[:] = 1
    return counts


def _load(name: str, arguments: Mapping[str, Any]) -> Any:
    from keras import datasets

    folder = cache()
    try:
        with _alone(folder):
            return getattr(datasets, name).load_data(**arguments)
    except (ValueError, TypeError, MemoryError):
        raise
    except Exception as error:  # Keras raises a plain Exception for a failed download
        reason = str(error).rsplit(" -- ")[-1] or type(error).__name__
        received = f'"keras:{name}", which is neither cached nor downloadable ({reason})'
        file = folder / "datasets" / SETS[name].file
        raise refusal("source", received, f"internet access, or a copy at {file}") from error


def cache() -> Path:
    """Return Keras' cache folder, and create it if it is missing.

    Raises:
        DataError: it can't be written; Keras would silently use another folder.
    """
    named = os.environ.get("KERAS_HOME") or "~/.keras"
    try:
        folder = paths.expanded(named)
    except ValueError as error:
        received = f"{named} as the cache of Keras"
        raise refusal("source", received, f"KERAS_HOME to name {error}") from error
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        received = f"{folder} as the cache of Keras, which is read-only"
        raise refusal("source", received, "KERAS_HOME to name a writable folder")
    return folder


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a lock while loading: Keras writes a download directly to its final path."""
    with (folder / "studyhall.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
