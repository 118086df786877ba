"""Broken files of data, as hypothesis makes them: each is read rightly or refused in a line."""

import csv
import gzip
import io
import struct
import tracemalloc
import zipfile
import zlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from studyhall.search.data.errors import DataError
from studyhall.search.data.sources import images, npz, picture, reading, table_files
from studyhall.search.data.sources.picture import PictureError, Style
from studyhall.search.study_file.input_sections import DataSection

MOST = 64 * 2**20  # bytes that reading a small broken file may take
FAST = settings(
    max_examples=60, deadline=2000, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
X, Y = np.arange(40.0).reshape(20, 2), np.arange(20) % 2


def archive(compressed):
    content = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(content, x=X, y=Y)
    return content.getvalue()


def encoded(form):
    content = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
    Image.fromarray(noise).save(content, form)
    return content.getvalue()


ARCHIVES = [archive(False), archive(True)]
FORMS = ["BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TGA", "TIFF", "WEBP"]
PICTURES = [encoded(form) for form in FORMS]


@st.composite
def damaged(draw, whole):
    """Draws a file that is cut, or some of whose bytes are others."""
    content = bytearray(draw(st.sampled_from(whole)))
    if draw(st.booleans()):
        content = content[: draw(st.integers(0, len(content)))]
    for _ in range(draw(st.integers(0, 6))):
        place = draw(st.integers(0, max(0, len(content) - 1)))
        content[place : place + 1] = draw(st.binary(max_size=4))
    return bytes(content)


def bounded(read, path, refused):
    """Returns what is read, or None if it is refused; checks the memory that it takes."""
    tracemalloc.start()
    try:
        return read(path)
    except refused as error:
        assert "\n" not in str(error) and "Traceback" not in str(error)
        return None
    finally:
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert most < MOST


@given(damaged(ARCHIVES))
@FAST
def test_damaged_archives(tmp_path, content):
    path = tmp_path / "d.npz"
    path.write_bytes(content)
    found = bounded(npz.read, path, DataError)
    if found is not None and found.x.shape == X.shape and content in ARCHIVES:
        assert np.array_equal(found.x, X) and np.array_equal(found.y, Y)


@given(damaged(PICTURES))
@FAST
def test_damaged_pictures(tmp_path, content):
    path = tmp_path / "p.png"
    path.write_bytes(content)
    with images._without_warnings():
        found = bounded(lambda it: picture.read(it, Style((8, 8))), path, PictureError)
    if found is not None:
        assert found.pixels.shape == (8, 8, 3) and found.pixels.dtype in (np.uint8, np.uint16)


@given(st.binary(max_size=300), st.sampled_from(["png", "jpg", "gif", "tif", "webp", "bmp", "tga"]))
@FAST
def test_any_bytes_are_no_picture(tmp_path, content, suffix):
    path = tmp_path / f"p.{suffix}"
    path.write_bytes(content)
    with images._without_warnings():
        bounded(lambda it: picture.read(it, Style((8, 8))), path, PictureError)


def table():
    random = np.random.default_rng(0)
    columns = {"x": random.normal(size=12), "word": ["one", "two"] * 6, "y": [0, 1] * 6}
    days = pd.date_range("2020-01-01", periods=12)
    return pd.DataFrame({**columns, "day": days, "list": [[1, 2]] * 12, "kind": days.day_name()})


def saved_as(form, **options):
    content = io.BytesIO()
    flat = table() if form in ("parquet", "feather") else table().drop(columns="list")
    options = {} if form in ("parquet", "feather") else {"index": False, **options}
    getattr(flat, f"to_{form}")(content, **options)
    return content.getvalue()


TEXT = saved_as("csv")
TEXTS = [TEXT, TEXT.replace(b"\n", b"\r\n"), TEXT.replace(b",", b";"), TEXT.replace(b"\n", b"\r")]
TEXTS += [b"\xef\xbb\xbf" + TEXT, TEXT.decode().encode("utf-16"), b"sep=,\n" + TEXT]
TABLES = {
    "t.csv": TEXTS,
    "t.csv.gz": [*map(gzip.compress, TEXTS)],
    "t.parquet": [saved_as("parquet")],
    "t.feather": [saved_as("feather")],
    "t.xlsx": [saved_as("excel")],
}


def repacked(content, damage):
    """Packs again what a workbook holds, one of its parts damaged."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as book, zipfile.ZipFile(packed, "w") as out:
        for name in book.namelist():
            out.writestr(name, damage(name, book.read(name)))
    return packed.getvalue()


@pytest.mark.parametrize("name", TABLES)
@given(st.data())
@FAST
def test_damaged_tables(tmp_path, name, data):
    content = data.draw(damaged(TABLES[name]))
    if name == "t.xlsx" and data.draw(st.booleans()):
        with zipfile.ZipFile(io.BytesIO(TABLES[name][0])) as book:
            part = data.draw(st.sampled_from(book.namelist()))
            other = data.draw(damaged([book.read(part)]))
        content = repacked(TABLES[name][0], lambda each, held: other if each == part else held)
    if name == "t.csv.gz" and data.draw(st.booleans()):
        content = gzip.compress(data.draw(damaged(TEXTS)))
    (tmp_path / name).write_bytes(content)
    section = DataSection(source=name, target="y", columns={"list": "drop"})
    try:
        found = reading.read(section, tmp_path)
    except DataError as error:
        assert all(name in line or "[data] columns" in line for line in error.problems)
    else:
        assert len(found.x) == len(found.y) > 0 and found.x.dtype.kind == "f"


CELLS = st.text(alphabet='ab1 ,;\t|"\n\\#é\x1a\x85\u2028', max_size=6).map(str.lstrip)


@given(
    st.integers(2, 4).flatmap(
        lambda width: st.lists(
            st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=8
        )
    ),
    st.sampled_from(",;\t|"),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
@FAST
def test_a_text_table_has_the_values_that_were_written(tmp_path, rows, separator, end, coding):
    names = [f"c{number}" for number in range(len(rows[0]))]
    written = io.StringIO()
    quoting = csv.QUOTE_ALL  # so that a table of one line, say, has one separator only
    csv.writer(written, delimiter=separator, lineterminator=end, quoting=quoting).writerows(
        [names, *rows]
    )
    (tmp_path / "t.csv").write_bytes(written.getvalue().encode(coding))
    found = table_files.read(tmp_path / "t.csv", names)
    assert found.columns.tolist() == names
    assert found.fillna("").to_numpy().tolist() == rows


@pytest.mark.parametrize(
    "rows", ["a,b,c\n1,2,3\n4,5", "a,b,c\n1,2,3\n\n4,5\n", "a,b\n" + "1\n" * 9]
)
def test_rows_that_end_too_early_are_ragged(tmp_path, rows):
    (tmp_path / "t.csv").write_text(rows)
    with pytest.raises(DataError, match=r"ragged rows in t.csv \(Expected . fields in row"):
        table_files.read(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_text(
        "a,b\n1,\n \n,\n"
    )  # the last value is missing, but stands there
    assert table_files.read(tmp_path / "t.csv").isna().to_numpy().tolist() == [[0, 1], [1, 1]]


def test_an_empty_field_after_an_empty_line_of_an_old_mac_is_kept(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"a,b,c\r1,2,3\r\r,5,6\r")
    assert table_files.read(tmp_path / "t.csv").fillna(0).to_numpy().tolist() == [
        [1, 2, 3],
        [0, 5, 6],
    ]


def test_many_comments_take_no_time_of_their_own(tmp_path):
    comments = "# one of many\n" * 200_000  # of minutes, were the rest copied for each
    (tmp_path / "t.csv").write_text(comments + "a,b\n1,2\n")
    assert table_files.read(tmp_path / "t.csv").to_numpy().tolist() == [[1, 2]]


@pytest.mark.parametrize("line", ["sep=", 'sep="', "sep=a"])
def test_a_line_that_names_no_separator_is_no_such_line(tmp_path, line):
    (tmp_path / "t.csv").write_text(f"{line}\n1\n2\n")
    assert table_files.read(tmp_path / "t.csv").shape == (2, 1)


def zipped(path, name, content, **options):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, content, **options)
        file.writestr("y.npy", saved(Y))


def saved(array):
    content = io.BytesIO()
    np.save(content, array, allow_pickle=True)
    return content.getvalue()


def headed(shape, body=b"", dtype="<f8"):
    """Returns an .npy file whose header claims a shape."""
    head = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + body


class Evil:
    """An object whose unpickling would end the tests."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('unpickled')",))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (headed("(10**9, 10**9)".replace("10**9", "1000000000")), "which is not an .npz file"),
        (headed("(3, 2)", bytes(40)), "which is not an .npz file"),
        (headed("(-1, 2)", bytes(16)), "which is not an .npz file"),
        (headed("(" * 2000), "which is not an .npz file"),
        (headed("(2,)", bytes(16), "|O"), "arrays of Python objects"),
        (saved(np.array([Evil(), Evil()], object)), "arrays of Python objects"),
        (b"cos\nsystem\n(S'false'\ntR.", "which is not an .npz file"),
        (b"", "which is not an .npz file"),
    ],
)
def test_crafted_archives_are_refused(tmp_path, content, said):
    zipped(tmp_path / "d.npz", "x.npy", content)
    with pytest.raises(DataError) as caught:
        bounded(npz.read, tmp_path / "d.npz", ())
    [line] = caught.value.problems
    assert said in line


def test_two_arrays_of_one_name_are_refused(tmp_path):
    zipped(tmp_path / "d.npz", "y", saved(Y))  # y.npy is the other one
    with pytest.raises(
        DataError, match=r"two arrays called y in d.npz, expected a name of its own"
    ):
        npz.read(tmp_path / "d.npz")


@given(damaged([saved(X), headed("(1000000000, 1000000000)"), headed("(" * 2000)]))
@FAST
def test_damaged_arrays(tmp_path, content):
    (tmp_path / "a.npy").write_bytes(content)
    found = bounded(npz.single, tmp_path / "a.npy", DataError)
    assert content != saved(X) or np.array_equal(found, X)


def test_names_of_arrays_lead_to_no_other_folder(tmp_path):
    (tmp_path / "in").mkdir()
    zipped(tmp_path / "in" / "d.npz", "../../x.npy", saved(X))
    with pytest.raises(DataError, match=r"d.npz with ../../x, y, expected x and y"):
        npz.read(tmp_path / "in" / "d.npz")
    assert [each.name for each in tmp_path.rglob("*")] == ["in", "d.npz"]


@pytest.mark.parametrize("size", [(1, 100_000), (100_000, 1), (0, 5), (5, 0)])
def test_pictures_of_odd_sizes(tmp_path, size):
    wide, high = size
    head = b"IHDR" + struct.pack(">IIBBBBB", wide, high, 8, 0, 0, 0, 0)
    body = b"IDAT" + zlib.compress(bytes(high * (wide + 1)))
    chunks = [head, body, b"IEND"]
    content = b"".join(
        struct.pack(">I", len(each) - 4) + each + struct.pack(">I", zlib.crc32(each))
        for each in chunks
    )
    (tmp_path / "p.png").write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    found = bounded(
        lambda path: picture.read(path, Style((8, 8))), tmp_path / "p.png", PictureError
    )
    assert (found is None) == (0 in size)


def test_a_picture_bomb_is_refused_unread(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.new("1", (8, 6)).save(tmp_path / name / "0.png")
    small = (tmp_path / "a" / "0.png").read_bytes()
    head = b"IHDR" + struct.pack(">II", 30_000, 20_000) + small[24:29]
    bomb = small[:12] + head + struct.pack(">I", zlib.crc32(head)) + small[33:]
    (tmp_path / "a" / "bomb.png").write_bytes(bomb)
    with pytest.raises(DataError) as caught:
        images.read(tmp_path)
    [line] = caught.value.problems
    assert line == (
        "[data] source: received images of too many pixels: a/bomb.png, expected at most 89,478,485"
    )
