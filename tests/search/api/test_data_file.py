"""The user's arrays and tables as files that workers read."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from studyhall.search.api import data_file
from studyhall.search.data import loading, trees
from studyhall.search.data.errors import DataError
from studyhall.search.data.sources import npz, reading
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.input_sections import DataSection
from studyhall.storage.artifacts.atomic_files import ArtifactError

X, Y = np.arange(12.0).reshape(6, 2), np.array([0, 1] * 3)


@pytest.fixture
def place(tmp_path):
    return str(tmp_path / "artifacts")


def test_equal_arrays_are_written_once(place, tmp_path):
    first = data_file.source((X, Y), place, "toy")
    written = (tmp_path / "artifacts/_data").stat().st_mtime_ns
    assert data_file.source((X.copy(), [*Y]), place, "toy") == first
    assert (tmp_path / "artifacts/_data").stat().st_mtime_ns == written
    assert data_file.source((X + 1, Y), place, "toy") != first
    assert data_file.source((X.astype("float32"), Y), place, "toy") != first
    assert [*(tmp_path / "artifacts/_data").glob(".*")] == []


def test_what_is_not_kept_is_deleted_and_named_data(place, tmp_path):
    with pytest.raises(ConfigError, match="received nan in data at"), data_file.only_if_used():
        path = data_file.source((X, Y), place, "toy")
        raise ConfigError([f"received nan in {path} at x[0, 0]"])
    assert [*tmp_path.iterdir()] == []
    with data_file.only_if_used() as keep:
        kept = data_file.source((X, Y), place, "toy")
        keep()
    with pytest.raises(KeyboardInterrupt), data_file.only_if_used():
        data_file.source((X, Y), place, "toy")
        data_file.source((X + 1, Y), place, "toy")
        raise KeyboardInterrupt
    assert [*map(str, (tmp_path / "artifacts/_data").iterdir())] == [kept]


def test_the_file_holds_the_arrays(place, tmp_path):
    found = npz.read(tmp_path / data_file.source((X, Y), place, "toy"))
    assert np.array_equal(found.x, X) and np.array_equal(found.y, Y)


@pytest.mark.parametrize("count", [2, 3])
def test_pairs_are_parts(place, tmp_path, count):
    pairs = tuple((X + part, Y) for part in range(count))
    found = npz.read(tmp_path / data_file.source(pairs, place, "toy"))
    assert np.array_equal(found.x, X) and np.array_equal(found.test[0], X + count - 1)
    assert (found.validation is None) == (count == 2)


def test_targets_may_be_words(place, tmp_path):
    words = pd.Series(["cat", "dog"] * 3)
    found = npz.read(tmp_path / data_file.source((pd.DataFrame(X), words), place, "toy"))
    assert [*found.y[:2]] == ["cat", "dog"]


def test_a_table_keeps_its_columns(place, tmp_path):
    table = pd.DataFrame({"size": [1.5, 2.5], "kind": ["a", "b"], 3: [0, 1]}, index=[7, 9])
    written = data_file.source(table, place, "toy")
    assert data_file.source(table.copy(), place, "toy") == written
    section = DataSection(source=written, target="3")
    assert reading.read(section, tmp_path).columns == ("size", "kind=a", "kind=b")


def test_two_columns_of_one_name_are_refused(place):
    with pytest.raises(ConfigError, match=r"^toy: data: received two columns called y, expected a"):
        data_file.source(pd.DataFrame([[1, 2, 3]], columns=["y", "x", "y"]), place, "toy")


def test_a_source_is_a_source(place):
    assert data_file.source("sklearn:digits", place, "toy") == "sklearn:digits"


def test_the_path_is_relative_if_that_of_the_artifacts_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert data_file.source((X, Y), "kept", "toy").startswith("kept/_data/")
    assert data_file.source((X, Y), "s3://bucket/kept", "toy").startswith("studyhall-artifacts/")


@pytest.mark.parametrize(
    ("data", "received"),
    [
        (None, "a value of type NoneType"),
        ((), "a value of type tuple"),
        ((X, Y, Y), "a tuple of 3"),
        (((X, Y),) * 4, "a value of type tuple"),
        (([[1], [1, 2]], Y), "ragged"),
        ((sparse.csr_matrix(X), Y), "a sparse matrix"),
    ],
)
def test_anything_else_is_refused(place, data, received):
    with pytest.raises(ConfigError, match="toy: data: received ") as refused:
        data_file.source(data, place, "toy")
    assert received in str(refused.value)


def test_a_folder_that_is_a_file_is_said(tmp_path):
    (tmp_path / "artifacts").write_text("")
    with pytest.raises(ArtifactError, match="artifacts"):
        data_file.source((X, Y), str(tmp_path / "artifacts"), "toy")


LEAVES = st.sampled_from(["f8", "i8", "f4"]).map(
    lambda kind: np.random.default_rng(1).integers(0, 9, (6, 3)).astype(kind)
)
KEYS = st.text(min_size=1, max_size=8).filter(lambda key: "\0" not in key and key.isprintable())
NESTED = st.recursive(
    LEAVES,
    lambda inside: (
        st.dictionaries(KEYS, inside, min_size=1, max_size=3)
        | st.lists(inside, min_size=1, max_size=3)
    ),
    max_leaves=5,
)


@settings(max_examples=40)
@given(x=st.dictionaries(KEYS, NESTED, min_size=1, max_size=3), y=NESTED, parts=st.integers(1, 3))
def test_nested_arrays_come_back_as_they_were(tmp_path_factory, x, y, parts):
    folder = tmp_path_factory.mktemp("nested")
    data = (x, y) if parts == 1 else ((x, y),) * parts
    found = npz.read(folder / data_file.source(data, str(folder), "toy"))
    pairs = [(found.x, found.y), *([found.test] if parts > 1 else [])]
    for nested, tree in [each for pair in pairs for each in zip((x, y), pair, strict=True)]:
        listed = [(at, leaf) for at, leaf in trees.leaves(nested)]
        back = [*trees.leaves(trees.plain(tree))]
        assert [at for at, _ in back] == [at for at, _ in listed]
        for (_, one), (_, other) in zip(back, listed, strict=True):
            assert one.dtype == other.dtype and np.array_equal(one, other)


MINE = """
import numpy as np

def load():
    rng = np.random.default_rng(0)
    sizes, words = rng.normal(size=(60, 3)), rng.integers(0, 9, (60, 4))
    return {"sizes": sizes, "deep": [words, {"a": sizes[:, :1]}]}, {"price": sizes.sum(1)}
"""


def test_nested_arrays_are_the_data_that_load_would_return(tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    scope = {}
    exec(MINE, scope)
    written = data_file.source(scope["load"](), str(tmp_path), "toy")
    one, other = (
        loading.load(DataSection(source=source), seed=3, folder=tmp_path, own_model=True)
        for source in (written, "mine.py:load")
    )
    assert one.fingerprint == other.fingerprint
    assert one.input_shape == other.input_shape == {"sizes": (3,), "deep": [(4,), {"a": (1,)}]}
    assert one.outputs == other.outputs and one.notes == other.notes


def test_names_of_inputs_are_text(place):
    with pytest.raises(ConfigError, match="toy: data: received a dict with the key 0, expected"):
        data_file.source(({0: X}, Y), place, "toy")


@pytest.mark.parametrize("name", ['x["a"', "x[0]x", "x[]", "x[0][1"])
def test_names_in_a_file_that_no_tree_has(tmp_path, name):
    np.savez(tmp_path / "a.npz", **{name: X, "y": Y})
    with pytest.raises(DataError, match=r"a\.npz with x\[.*expected x and y"):
        npz.read(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", **{"x": X, 'x["a"]': X, "y": Y})
    with pytest.raises(DataError, match="expected x and y"):
        npz.read(tmp_path / "b.npz")
