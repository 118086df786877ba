"""Broken files of data, as hypothesis makes them: each is read rightly or refused in a line."""

import io
import struct
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from studyhall.search.data.errors import DataError
from studyhall.search.data.sources import images, npz, picture
from studyhall.search.data.sources.picture import PictureError, Style

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


def test_a_zip_bomb_is_refused_unread(tmp_path, monkeypatch):
    zipped(tmp_path / "d.npz", "x.npy", headed("(8000000,)", bytes(64_000_000)))
    assert (tmp_path / "d.npz").stat().st_size < 100_000
    memory = npz.psutil.virtual_memory()._replace(available=32_000_000)
    monkeypatch.setattr(npz.psutil, "virtual_memory", lambda: memory)
    tracemalloc.start()
    with pytest.raises(DataError, match=r"d.npz with arrays of 0.1 GiB, expected less than the me"):
        npz.read(tmp_path / "d.npz")
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


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
