"""Datasets of tf.data, batched or not, as arrays; what can't be told is refused."""

import numpy as np
import pytest
import tensorflow as tf

from studyhall.search.data import trees
from studyhall.search.data.errors import DataError
from studyhall.search.data.sources import datasets
from studyhall.spaces.failures import UserCodeError

D = tf.data.Dataset
X, Y = np.arange(24.0).reshape(12, 2), np.arange(12) % 3
SCALARS = np.arange(12.0)
WIDE, TARGETS = np.arange(60.0).reshape(12, 5), -np.arange(60.0).reshape(12, 5)
FACES, MASKS = np.zeros((12, 4, 4)), np.ones((12, 4, 4))


def of(*arrays):
    return D.from_tensor_slices(arrays)


def from_generator(arrays, size=None):
    """Elements whose shapes tf.data is told, with batches of `size` or single samples."""
    steps = range(0, len(arrays[0]), size or 1)
    first = (None,) if size else ()
    specs = tuple(tf.TensorSpec((*first, *a.shape[1:]), a.dtype) for a in arrays)
    cut = (lambda at: slice(at, at + size)) if size else (lambda at: at)
    return D.from_generator(
        lambda: (tuple(a[cut(at)] for a in arrays) for at in steps), output_signature=specs
    )


@pytest.mark.parametrize(
    ("dataset", "arrays"),
    {
        "samples": (of(X, Y), (X, Y)),
        "batches": (of(X, Y).batch(4), (X, Y)),
        "uneven batches": (of(X, Y).batch(5), (X, Y)),
        "equal batches": (of(X, Y).batch(4, drop_remainder=True), (X, Y)),
        "scalars": (of(SCALARS, Y), (SCALARS, Y)),
        "batches of scalars": (of(SCALARS, Y).batch(4), (SCALARS, Y)),
        "uneven batches of scalars": (of(SCALARS, Y).batch(5), (SCALARS, Y)),
        "equal batches of scalars": (
            of(SCALARS, Y).batch(4, drop_remainder=True).prefetch(2),
            (SCALARS, Y),
        ),
        "equal batches, cached and repeated": (
            of(SCALARS, Y).batch(4, drop_remainder=True).cache().repeat(1).take(9).skip(0),
            (SCALARS, Y),
        ),
        "as many targets as features": (of(WIDE, TARGETS), (WIDE, TARGETS)),
        "the same, in batches": (of(WIDE, TARGETS).batch(5), (WIDE, TARGETS)),
        "the same, in equal batches": (
            of(WIDE, TARGETS).batch(6, drop_remainder=True),
            (WIDE, TARGETS),
        ),
        "masks of a picture's size": (of(FACES, MASKS), (FACES, MASKS)),
        "batches of batches": (of(X, Y).batch(2).batch(3), (X, Y)),
        "unbatched": (of(WIDE, TARGETS).batch(5).unbatch(), (WIDE, TARGETS)),
        "the whole as one element": (D.from_tensors((WIDE, TARGETS)), (WIDE, TARGETS)),
        "many steps": (
            of(X, Y).cache().take(12).shuffle(3, seed=0).batch(4).unbatch().batch(6).prefetch(1),
            None,
        ),
        "mapped samples": (of(X, Y).map(lambda x, y: (x, y + 0)), (X, Y)),
        "mapped to one-hot": (
            of(X, Y).map(lambda x, y: (x, tf.one_hot(y, 3))),
            (X, np.eye(3)[Y]),
        ),
        "zipped": (D.zip((D.from_tensor_slices(WIDE), D.from_tensor_slices(TARGETS))),
                   (WIDE, TARGETS)),
        "zipped, in batches": (
            D.zip((D.from_tensor_slices(WIDE), D.from_tensor_slices(TARGETS))).batch(5),
            (WIDE, TARGETS),
        ),
        "a generator of samples": (from_generator((X, Y)), (X, Y)),
        "a generator of batches": (from_generator((X, Y), 5), (X, Y)),
        "a generator's samples in batches": (from_generator((WIDE, TARGETS)).batch(5),
                                             (WIDE, TARGETS)),
        "two joined": (of(X, Y).take(4).batch(3).concatenate(of(X, Y).skip(4).batch(3)), (X, Y)),
    }.values(),
)  # fmt: skip
def test_all_samples_are_read(dataset, arrays):
    x, y = datasets.read(dataset, "my_data.py:load")
    if arrays is None:
        assert sorted(x[:, 0]) == sorted(X[:, 0]) and y.shape == Y.shape
    else:
        assert np.array_equal(x, arrays[0]) and np.array_equal(y, arrays[1])


@pytest.mark.parametrize("size", [None, 5])
def test_several_inputs_targets_and_weights(size):
    whole = {"a": X, "b": (WIDE, Y)}, {"t": TARGETS}, SCALARS
    dataset = D.from_tensor_slices(whole)
    found = datasets.read(dataset.batch(size) if size else dataset, "my_data.py:load")
    for one, other in zip(trees.leaves(found), trees.leaves(whole), strict=True):
        assert one[0] == other[0] and np.array_equal(one[1], other[1])


def ragged():
    rows = tf.ragged.constant([[1.0], [2.0, 3.0]])
    return D.from_tensor_slices((rows, [0, 1]))


SIZES = D.range(2).map(lambda n: (tf.zeros((n + 2, 3)), n))


@pytest.mark.parametrize(
    ("dataset", "received", "expected"),
    [
        (
            from_generator((WIDE, TARGETS)),
            "a Dataset whose elements, x (5,) and y (5,), are samples or batches",
            "one that ends with .batch(32), or with .batch(1).unbatch()",
        ),
        (
            of(WIDE, Y).map(lambda x, y: (x, tf.one_hot(y, 5))),
            "a Dataset whose elements, x (5,) and y (5,), are samples or batches",
            "one that ends with",
        ),
        (
            of(X, Y, X, Y),
            "a Dataset of (a tensor of shape (2,), a tensor",
            "a Dataset of (x, y) or",
        ),
        (ragged(), "a Dataset with a RaggedTensor as x", "one dense tensor as x"),
        (
            D.zip((D.zip({"a": ragged()}), D.range(2))),
            'a Dataset with a RaggedTensor as x["a"][0]',
            'one dense tensor as x["a"][0]',
        ),
        (of(X), "a Dataset of (a tensor of shape (2,))", "a Dataset of (x, y)"),
        (SIZES, "x of shapes (2, 3) and (3, 3) in the Dataset", "one shape"),
        (of(X, Y).repeat(), "an endless Dataset", "one without repeat()"),
        (of(X, Y).take(0), "an empty Dataset", "at least one sample"),
    ],
)
def test_what_is_no_dataset_of_samples_is_refused(dataset, received, expected):
    with pytest.raises(DataError) as caught:
        datasets.read(dataset, "my_data.py:load")
    [line] = caught.value.problems
    assert line.startswith(f"[data] source: received {received}") and f"expected {expected}" in line
    assert "from my_data.py:load" in line


def test_the_way_out_of_what_cannot_be_told():
    unclear = of(WIDE, Y).map(lambda x, y: (x, tf.one_hot(y, 5)))
    for clear in (unclear.batch(5), unclear.batch(1).unbatch()):
        x, y = datasets.read(clear, "my_data.py:load")
        assert x.shape == y.shape == (12, 5)


def test_what_fails_in_the_users_steps_is_the_users():
    broken = of(X, Y).map(lambda x, y: (tf.debugging.check_numerics(x / 0, "bad"), y))
    with pytest.raises(UserCodeError, match=r"InvalidArgumentError: .*bad"):
        datasets.read(broken, "my_data.py:load")
