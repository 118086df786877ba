"""Streams: what is read of them, how they are told apart, and what can't be done with them."""

import random
import textwrap
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studyhall.search.data import (
    baseline,
    description,
    duplicates,
    loading,
    own_random,
    rows_on_disk,
    streams,
)
from studyhall.search.data.errors import DataError
from studyhall.search.study import fingerprints
from studyhall.search.study.fingerprints import Inspection
from studyhall.search.study_file.input_sections import DataSection

PRELUDE = """
import keras
import numpy as np
import tensorflow as tf

x, y = np.arange(2.0 * N).reshape(N, 2), np.arange(N) % 2
D = tf.data.Dataset.from_tensor_slices((x, y))

def batches():
    for at in range(0, N, 4):
        yield x[at : at + 4], y[at : at + 4]

def shuffled(epoch):
    some = np.random.permutation(N) if epoch else np.arange(N)
    yield x[some], y[some]

def unsteady():
    yield x + np.random.default_rng().normal(), y

class P(keras.utils.PyDataset):
    def __len__(self):
        return N // 2

    def __getitem__(self, index):
        return x[2 * index : 2 * index + 2], y[2 * index : 2 * index + 2]
"""


@pytest.fixture
def load(tmp_path) -> Callable[..., loading.Data]:
    """Loads what the body of a function returns."""

    def of(body: str, *, own_model: bool = True, count: int = 6, **keys) -> loading.Data:
        code = f"N = {count}\n{PRELUDE}\ndef load():\n{textwrap.indent(body, '    ')}\n"
        path = tmp_path / f"my_data_{len([*tmp_path.iterdir()])}.py"  # a file is run only once
        path.write_text(code)
        section = DataSection(source=f"{path.name}:load", **keys)
        return loading.load(section, seed=0, folder=tmp_path, own_model=own_model)

    return of


@pytest.mark.parametrize(
    ("body", "kinds", "counts"),
    [
        ("return D.batch(4), D.batch(4), D.batch(3)", ["Dataset"] * 3, [2, 2, 2]),
        ("return P(), P(), D.batch(2)", ["PyDataset", "PyDataset", "Dataset"], [3, 3, 3]),
        ("return batches, shuffled, batches", ["generator function"] * 3, [None] * 3),
        ("return batches, (x, y), (x, y)", ["generator function"], [None]),
        ("return [P(), P(), (x, y, y)]", ["PyDataset"] * 2, [3, 3]),
    ],
)
def test_three_streams_stay_streams(load, body, kinds, counts):
    data = load(body)
    facts = data.streams.values()
    assert [each["kind"] for each in facts] == kinds
    assert [each["batches"] for each in facts] == counts
    assert (data.task, data.input_shape, data.outputs) == ("as given", (2,), None)
    assert len(data.folds) == 1 and load(body).fingerprint == data.fingerprint
    assert "batch by batch" in " ".join(duplicates.notes(data))
    assert "samples" not in dict(description.rows(data)) and baseline.about(data, "auto")["streams"]


@pytest.mark.parametrize(
    "body",
    ["return D.batch(4)", "return P(), (x, y)", "return batches", "return batches, batches"],
)
def test_fewer_are_read_to_be_split_and_a_note_says_so(load, body, monkeypatch):
    data = load(body, count=30)
    assert sum(map(len, data.parts.values())) >= 30 and not data.streams
    assert any("were read from streams into memory" in note for note in data.notes)
    monkeypatch.setattr(rows_on_disk, "memory_limit", lambda: 50)
    with pytest.raises(DataError, match="expected three of them, for training, validation"):
        load(body, count=30)


def test_a_built_in_family_gets_arrays(load):
    data = load("return D.batch(4), batches, P()", own_model=False)
    assert [len(part) for part in data.parts.values()] == [6, 6, 6]
    assert any("as a built-in family needs arrays" in note for note in data.notes)


@pytest.mark.parametrize(
    ("body", "keys", "said"),
    [
        ("return D, D, D", {}, "a Dataset of single samples"),
        ("return D.batch(2).repeat(), D.batch(2), D.batch(2)", {}, "an endless Dataset"),
        ("return batches(), batches(), batches()", {}, "a generator from my_data_0.py:load, which"),
        ("return (lambda a, b: None), batches, batches", {}, "of 2 arguments"),
        ("return (lambda: []), batches, batches", {}, "an empty generator function"),
        ("return (lambda: [x]), batches, batches", {}, "elements of type ndarray"),
        (
            "return (lambda: [(x, y[:3])]), batches, batches",
            {},
            "x of shape (6, 2), y of shape (3,)",
        ),
        ("return (lambda: [({'a': x}, y.astype(str))]), batches, batches", {}, "y of type <U"),
        ("return (lambda: [({'a': x / 0}, y)]), batches, batches", {}, 'x["a"] with values'),
        ("return batches, unsteady, batches", {}, "other batches in each pass over the validation"),
        ("return P(), P(), D.shuffle(6).batch(2)", {}, "in each pass over the test stream"),
        ("return P(), P(), P()", {"folds": 3}, "folds: received 3, expected 1"),
        ("return P(), P(), P()", {"normalize": "standard"}, "normalize"),
        ("return P(), P(), P()", {"task": "regression", "samples": 5}, "samples"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
def test_what_is_no_stream_of_batches_is_named(load, body, keys, said):
    with pytest.raises(DataError) as caught:
        load(body, **keys)
    assert said in "\n".join(caught.value.problems)


@pytest.mark.parametrize("training", ["unsteady", "D.shuffle(6).batch(2)"])
def test_training_that_differs_from_pass_to_pass_is_said(load, training):
    data = load(f"return {training}, batches, batches")
    assert any("differs from pass to pass" in note for note in data.notes)
    assert load(f"return {training}, batches, batches").fingerprint == data.fingerprint
    assert not any("differs" in note for note in load("return shuffled, batches, P()").notes)


def test_what_differs_between_two_streams_is_told(load):
    one, other = load("return P(), P(), P()"), load("return D.batch(3), P(), P()")
    lines = fingerprints.differing(
        *(Inspection(d.fingerprint, {}, baseline.about(d, "auto")) for d in (one, other))
    )
    told = "\n".join(lines)
    assert "a training stream with batches 2, expected 3, with which the study began" in told
    assert "kind Dataset, expected PyDataset" in told and "validation stream" not in told


def test_a_py_dataset_follows_an_order(load):
    stream = load("return P(), P(), P()").train.stream
    found = [batch[0][0, 0] for batch in stream.epoch(1, 0, [2, 0, 1])]
    assert found == [8.0, 0.0, 4.0] and stream.batches == 3


@given(seeds=st.tuples(st.integers(0, 2**32), st.integers(0, 9)), draws=st.integers(0, 3))
def test_random_numbers_of_a_stream_are_its_own(seeds, draws):
    def drawing():
        for _ in range(3):
            yield np.random.random(), random.random()

    expected = [*own_random.iterated(drawing, *seeds)]
    np.random.seed(draws)
    random.seed(draws)
    found, between = [], []
    for drawn in own_random.iterated(drawing, *seeds):
        found.append(drawn)
        between.append((np.random.random(), random.random()))
    assert found == expected and len({*found}) == 3
    np.random.seed(draws)
    random.seed(draws)
    assert between == [(np.random.random(), random.random()) for _ in range(3)]


def test_batches_of_other_forms_can_not_be_joined():
    def changing():
        yield np.zeros((2, 3)), np.zeros(2)
        yield np.zeros((2, 4)), np.zeros(2)

    with pytest.raises(DataError, match="batches of different forms"):
        streams.whole(streams.of(changing, "load"), "load", 10**6)
