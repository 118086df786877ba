"""Parquet and Feather: what their types become, and files that would end the process."""

import struct
from contextlib import nullcontext

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import feather

from studyhall.search.data.errors import DataError
from studyhall.search.data.sources import arrow_files, arrow_sizes, reading
from studyhall.search.study_file.input_sections import DataSection

FORMS = ["Parquet", "Feather"]
N = 24
NEW = int(pa.__version__.partition(".")[0]) >= 25  # the first that warns of old files
FOREIGN = {
    "list": [[1, 2]] * N,
    "struct": [{"a": n} for n in range(N)],
    "bytes": [b"ab"] * N,
}


def written(folder, form, **columns):
    path = folder / f"t.{form.lower()}"
    known = {"x": np.arange(N) % 7 * 0.5, "y": np.arange(N) % 2}
    getattr(pd.DataFrame({**known, **columns}), f"to_{form.lower()}")(path)
    return path


@pytest.mark.parametrize("form", FORMS)
def test_a_table_is_that_of_pandas(tmp_path, form):
    path = written(
        tmp_path,
        form,
        word=["one", None] * (N // 2),
        kind=pd.Categorical(["a", "b"] * (N // 2)),
        day=pd.date_range("2020-01-01", periods=N, tz="Europe/Berlin"),
        whole=pd.array([None, *range(N - 1)], dtype="Int64"),
        truth=[True, False] * (N // 2),
    )
    theirs = getattr(pd, f"read_{form.lower()}")(path)
    pd.testing.assert_frame_equal(arrow_files.read(form, path), theirs)


def test_a_folder_whose_name_looks_like_a_column_adds_none(tmp_path):
    (tmp_path / "year=2020").mkdir()
    path = written(tmp_path / "year=2020", "Parquet")
    assert arrow_files.read("Parquet", path).columns.tolist() == ["x", "y"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", FOREIGN)
def test_lists_structures_and_bytes_are_refused_or_left_out(tmp_path, form, name):
    path = written(tmp_path, form, **{name: FOREIGN[name]})
    with pytest.raises(DataError) as caught:
        reading.read(DataSection(source=path.name, target="y"), tmp_path)
    [line] = caught.value.problems
    assert f" in {path.name}, column {name}, expected numbers, text, dates or truth " in line
    assert line.endswith(f', or [data.columns] {name} = "drop"')
    found = reading.read(
        DataSection(source=path.name, target="y", columns={name: "drop"}), tmp_path
    )
    assert found.columns == ("x",)
    with pytest.raises(DataError, match=r"expected numbers, text, dates or truth values$"):
        reading.read(DataSection(source=path.name, target=name), tmp_path)


def test_texts_that_lie_outside_of_their_file_are_refused(tmp_path):
    path = tmp_path / "t.feather"
    pd.DataFrame({"word": ["a", "bc", "d"], "y": [0, 1, 0]}).to_feather(
        path, compression="uncompressed"
    )
    content, places = path.read_bytes(), struct.pack("<4i", 0, 1, 3, 4)
    wide = places if places in content else struct.pack("<4q", 0, 1, 3, 4)
    far = struct.pack("<4q" if len(wide) > 16 else "<4i", 0, 1, 2**30, 2**30 + 1)
    assert content.count(wide) == 1
    path.write_bytes(content.replace(wide, far))
    with pytest.raises(DataError, match=r"received t.feather, which is not a Feather file"):
        arrow_files.read("Feather", path)


@pytest.mark.parametrize("compression", ["uncompressed", "lz4", "zstd"])
def test_feather_states_its_size(tmp_path, compression):
    path, words = tmp_path / "t.feather", pd.Categorical(["one", "two", "three"] * 4000)
    frame = pd.DataFrame({"kind": words, "zero": np.zeros(12_000), "word": words.astype(str)})
    frame.to_feather(path, compression=compression, chunksize=5000)
    exact = pa.ipc.open_file(str(path)).read_all().get_total_buffer_size()
    assert exact <= arrow_sizes.of_feather(path) <= exact + 4096  # uncompressed ones are padded


def test_the_first_version_of_feather(tmp_path):
    frame = pd.DataFrame({"x": [0.5, 1.5], "word": ["a", "b"]})
    with pytest.warns(DeprecationWarning) if NEW else nullcontext():
        feather.write_feather(frame, str(tmp_path / "t.feather"), version=1)
    found = arrow_files.read("Feather", tmp_path / "t.feather")
    assert found.to_numpy().tolist() == [[0.5, "a"], [1.5, "b"]]


@pytest.mark.parametrize("form", FORMS)
def test_times_beyond_nanoseconds(tmp_path, form):
    days = np.array([f"{year}-01-01" for year in range(1000, 1000 + 100 * N, 100)], "M8[s]")
    path = written(tmp_path, form, day=days)
    found = reading.read(DataSection(source=path.name, target="y"), tmp_path)
    assert found.x[:, found.columns.index("day year")].tolist() == [*range(1000, 3400, 100)]
