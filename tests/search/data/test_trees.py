"""Several inputs, targets and weights: trees of arrays that are split, checked and compared."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studyhall.search.data import arrays, duplicates, loading, trees
from studyhall.search.data.arrays import Arrays
from studyhall.search.data.errors import DataError
from studyhall.search.data.sources import reading
from studyhall.search.data.trees import Tree
from studyhall.search.study_file.input_sections import DataSection

N = 30
LEAVES = st.tuples(
    st.sampled_from(["float64", "float32", "int64", "uint8", "bool"]),
    st.sampled_from([(), (1,), (3,), (2, 2)]),
)
NESTED = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.dictionaries(st.sampled_from("abc"), inner, min_size=1, max_size=3),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=4,
).filter(lambda found: not isinstance(found, tuple))


def numbered(form, count=N):
    """Arrays of a drawn form, in which each row holds its own number."""
    if isinstance(form, dict):
        return {key: numbered(each, count) for key, each in form.items()}
    if isinstance(form, list):
        return [numbered(each, count) for each in form]
    kind, shape = form
    rows = np.arange(count).reshape(-1, *[1] * len(shape))
    return np.broadcast_to(rows, (count, *shape)).astype(kind)


def load(monkeypatch, found, section=None, **more):
    monkeypatch.setattr(
        reading,
        "read",
        lambda *_, **__: arrays.checked(Arrays(*found, own=True, **more), "mine.py:load"),
    )
    section = section or DataSection(source="mine.py:load")
    return loading.load(section, seed=0, folder=Path(), own_model=True)


@given(x=NESTED, y=NESTED, folds=st.integers(1, 3))
def test_every_leaf_is_split_alike(x, y, folds):
    with pytest.MonkeyPatch.context() as monkeypatch:
        found = Tree(numbered(x)), Tree(numbered(y))
        section = DataSection(source="mine.py:load", folds=folds)
        data = load(monkeypatch, found, section, weights={"training": np.arange(N)})
    parts = [data.train, data.validation, data.test]
    assert sum(map(len, parts)) == N and len(data.folds) == folds
    seen = [part.weights.astype(int).tolist() for part in parts]
    assert sorted(itertools.chain(*seen)) == [*range(N)]
    for part, rows in zip(parts, seen, strict=True):
        for tree, form in ((part.x, x), (part.y, y), (part.given, y)):
            wanted = Tree(numbered(form))[np.array(rows)]
            assert tree.paths() == wanted.paths()
            for one, other in zip(tree.arrays(), wanted.arrays(), strict=True):
                np.testing.assert_array_equal(one, other)
                assert one.dtype == other.dtype
    validated = [row for fold in data.folds for row in fold.validation_rows.tolist()]
    assert folds == 1 or sorted(validated) == [*range(len(data.split.pool))]


@given(form=NESTED, data=st.data())
def test_the_fingerprint_depends_on_each_value_and_path(form, data):
    with pytest.MonkeyPatch.context() as monkeypatch:
        y = np.arange(N) % 2
        before = load(monkeypatch, (Tree(numbered(form)), y)).fingerprint
        assert load(monkeypatch, (Tree(numbered(form)), y)).fingerprint == before
        changed = Tree(numbered(form))
        leaf = data.draw(st.sampled_from(changed.arrays()))
        row = data.draw(st.integers(0, N - 1))
        leaf[row] = ~leaf[row] if leaf.dtype == bool else leaf[row] + 1
        assert load(monkeypatch, (changed, y)).fingerprint != before
        assert load(monkeypatch, (Tree({"d": numbered(form)}), y)).fingerprint != before
        weighted = load(monkeypatch, (Tree(numbered(form)), y), weights={"training": np.ones(N)})
        assert weighted.fingerprint != before


def test_samples_in_two_parts_are_counted(monkeypatch):
    x = Tree({"a": np.arange(N) % 15, "b": np.ones((N, 2))})
    y = Tree([np.arange(N) % 15, np.arange(N)])
    data = load(monkeypatch, (x, y))
    assert any("also stand among" in each for each in duplicates.sentences(data))
    assert "with another target" in " ".join(duplicates.sentences(data))


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        ({"a": np.zeros(3), "b": np.zeros(4)}, np.zeros(3), '3 in x["a"] and 4 in x["b"] samples'),
        ({"a": np.zeros(3)}, {"t": np.zeros(4)}, "3 samples but 4 targets"),
        ({"a": [np.array(["no"] * 3)]}, np.zeros(3), 'x["a"][0] of type <U2'),
        ([np.zeros(3), np.array([0, np.nan, 1])], np.zeros(3), "nan in mine.py:load at x[1][1]"),
        ({"a": np.zeros((0, 2))}, np.zeros(0), 'no samples in x["a"]'),
        ({}, np.zeros(3), "no samples"),
    ],
)
def test_what_can_not_be_a_sample_is_named(x, y, said):
    pair = Tree(x), Tree(y) if isinstance(y, dict) else y
    with pytest.raises(DataError) as caught:
        arrays.checked(Arrays(*pair, own=True), "mine.py:load")
    assert said in caught.value.problems[0]


def test_a_part_without_weights_counts_as_1(monkeypatch):
    pair = Tree({"a": np.arange(10)}), np.arange(10) % 2
    data = load(
        monkeypatch,
        (Tree({"a": np.arange(N)}), np.arange(N) % 2),
        validation=pair,
        weights={"training": np.full(N, 3.0)},
    )
    assert set(data.train.weights) == {3.0} and set(data.validation.weights) == {1.0}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([[1, 2], [3, 4]], False),
        ([np.zeros(2), np.zeros(2)], True),
        (np.zeros((2, 2)), False),
        ({"a": [1, 2]}, True),
        ([np.float32(1), np.float32(2)], False),
        ([], False),
    ],
)
def test_a_list_of_rows_is_no_tree(found, expected):
    assert trees.is_nested(found) is expected
