"""Files whose content takes more memory than data may: refused before they are decoded."""

import gzip
import io
import os
import subprocess
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from studyhall.search.data import rows_on_disk
from studyhall.search.data.errors import DataError
from studyhall.search.data.sources import arrow_sizes, images, npz, picture, reading, text_folders
from studyhall.search.data.sources.picture import Style
from studyhall.search.study_file.input_sections import DataSection

LIMIT = 2**20  # bytes that data may take in these tests
BOMB = 48 * 2**20  # bytes of each file's content
MOST_MIB = 24  # that reading all of these files may add to a process
IN_A_PROCESS_OF_ITS_OWN = """
import sys
from pathlib import Path
import openpyxl, pandas, pyarrow.feather, pyarrow.parquet
from studyhall.search.data import rows_on_disk
from studyhall.search.data.errors import DataError
from studyhall.search.data.sources import reading
from studyhall.search.study_file.input_sections import DataSection

rows_on_disk.memory_limit = lambda: 2**20
def mib():  # the peak of this program; that of getrusage may be its parent's
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))

folder, before = Path(sys.argv[1]), mib()
for name in sys.argv[2:]:
    try:
        target = None if name.endswith(".npz") else "y"
        reading.read(DataSection(source=name, target=target), folder)
    except DataError as error:
        print(error)
print(mib() - before)
"""


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(rows_on_disk, "memory_limit", lambda: LIMIT)


def refused(source, folder, target="y"):
    with pytest.raises(DataError) as caught:
        reading.read(DataSection(source=source, target=target), folder)
    [line] = caught.value.problems
    return line


def stray(path):
    """Writes a workbook with one cell in the last corner of its sheet."""
    content = io.BytesIO()
    pd.DataFrame({"x": [1], "y": [2]}).to_excel(content, index=False)
    with zipfile.ZipFile(content) as book, zipfile.ZipFile(path, "w") as out:
        for name in book.namelist():
            cell = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
            out.writestr(name, book.read(name).replace(b"</sheetData>", cell))


def bombs(folder):
    """Writes small files of much content; returns their names."""
    zeros = pd.DataFrame({"x": np.zeros(BOMB // 16), "y": np.zeros(BOMB // 16)})
    zeros.to_parquet(folder / "p.parquet", compression="zstd")
    zeros.to_feather(folder / "f.feather", compression="zstd")
    np.savez_compressed(folder / "n.npz", x=zeros.x, y=zeros.y)
    with gzip.open(folder / "c.csv.gz", "wb", compresslevel=1) as file:
        file.write(b"x,y\n")
        for _ in range(BOMB // 2**20):
            file.write(b"0,0\n" * 2**18)
    stray(folder / "w.xlsx")
    with zipfile.ZipFile(folder / "z.xlsx", "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/worksheets/sheet1.xml", bytes(BOMB))
    return ["p.parquet", "f.feather", "n.npz", "c.csv.gz", "w.xlsx", "z.xlsx"]


def test_bombs_are_refused_with_little_memory(tmp_path):
    names = bombs(tmp_path)
    assert all((tmp_path / name).stat().st_size < BOMB / 50 for name in names)
    found = subprocess.run(
        [sys.executable, "-c", IN_A_PROCESS_OF_ITS_OWN, tmp_path, *names],
        capture_output=True, text=True, cwd=os.getcwd(), check=True,
    )  # fmt: skip
    *lines, mib = found.stdout.splitlines()
    assert len(lines) == len(names) and float(mib) < MOST_MIB, found.stdout
    sizes = ["a table of 48.0 MiB", "a table of 48.0 MiB", "arrays of 48.0 MiB"]
    sizes += ["more than 1.0 MiB of a table", "column 16,384, of 128.0 GiB", "sheets of 48.0 MiB"]
    for name, size, line in zip(names, sizes, lines, strict=True):
        assert line.startswith(f"[data] source: received {name} with "), line
        assert size in line and "at most 1.0 MiB, a quarter of the memory that is free; " in line


def test_a_table_counts_with_its_values(tmp_path, small):
    ones = "x,y\n" + "1,1\n" * (LIMIT // 4 - 9)  # as text it just fits
    (tmp_path / "t.csv").write_text(ones)
    line = refused("t.csv", tmp_path)
    assert line.startswith("[data] source: received t.csv with a table of 5.0 MiB, expected at")
    (tmp_path / "t.csv").write_text(
        "x,y\n" + "0.123456789012,1\n0.023456789012,0\n" * (LIMIT // 80)
    )
    assert reading.read(DataSection(source="t.csv", target="y"), tmp_path).x.shape[1] == 1
    (tmp_path / "t.csv").write_bytes(bytes(LIMIT + 1))  # no text at all, but that is not looked at
    assert "a table of 1.0 MiB" in refused("t.csv", tmp_path)


@pytest.mark.parametrize("form", ["parquet", "feather"])
def test_what_a_file_does_not_state_is_counted_while_decoding(tmp_path, small, form, monkeypatch):
    table = pd.DataFrame({"x": ["one word and another"] * 2**16, "y": np.zeros(2**16)})
    getattr(table, f"to_{form}")(tmp_path / f"t.{form}")
    monkeypatch.setattr(arrow_sizes, "of_feather", lambda path: 0)
    line = refused(f"t.{form}", tmp_path)
    assert line.startswith(f"[data] source: received t.{form} with a table of ")


def test_arrays(tmp_path, small):
    np.savez(tmp_path / "a.npz", x=np.zeros((LIMIT // 8, 2)), y=np.zeros(LIMIT // 8))
    assert "a.npz with arrays of 3.0 MiB" in refused("a.npz", tmp_path, None)
    np.save(tmp_path / "a.npy", np.zeros((LIMIT // 8, 2)))
    with pytest.raises(DataError, match=r"a.npy with an array of 2.0 MiB"):
        npz.single(tmp_path / "a.npy")


def test_texts(tmp_path, small):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.txt").write_text("word " * (LIMIT // 8))
    with pytest.raises(DataError, match=r" with texts of 1.2 MiB, expected at most 1.0 MiB, a q"):
        text_folders.read(tmp_path)


def test_pictures(tmp_path, small, monkeypatch):
    monkeypatch.setattr(picture, "SMALL", 1000)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (20, 30)).save(tmp_path / name / "0.png")
    Image.new("RGB", (200, 600)).save(tmp_path / "a" / "flat.png")
    Image.new("RGBA", (210, 240)).save(tmp_path / "b" / "clear.png")
    with pytest.raises(DataError) as caught:
        images.read(tmp_path, Style((8, 8)))
    [line] = caught.value.problems
    assert line == (
        "[data] source: received images that take too much memory: a/flat.png (200×600 pixels,"
        " 1.7 MiB), b/clear.png (210×240 pixels, 1.2 MiB), expected at most 1.0 MiB, a quarter of"
        " the memory that is free, while one is decoded: smaller ones, or more as streams: batches"
        " from a load() of your own, for a model of your own"
    )
    Image.new("RGB", (4000, 1000)).save(tmp_path / "a" / "flat.jpg")
    (tmp_path / "a" / "flat.png").unlink()
    (tmp_path / "b" / "clear.png").unlink()
    assert images.read(tmp_path, Style((8, 8))).x.shape == (3, 8, 8, 3)  # decoded at an eighth


def test_large_pictures_wait_for_each_other(tmp_path, monkeypatch):
    monkeypatch.setattr(picture, "SMALL", 1000)
    for number in range(12):
        folder = tmp_path / "ab"[number % 2]
        folder.mkdir(exist_ok=True)
        Image.new("RGB", (90, 90), (number, 0, 0)).save(folder / f"{number:02}.png")
    found = images.read(tmp_path)
    assert found.x[:, 0, 0, 0].tolist() == [0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11]
    assert not picture._LARGE_ONES.locked()
