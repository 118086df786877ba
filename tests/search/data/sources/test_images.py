import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from studyhall.search.data import duplicates, loading, rows_on_disk
from studyhall.search.data.errors import DataError
from studyhall.search.data.sources import images
from studyhall.search.data.sources.picture import Style
from studyhall.search.study_file.input_sections import DataSection


def picture(path, size=(8, 6), colour=(200, 100, 0), **options):
    """Saves a picture of one colour, `size` being (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path, **options)


@pytest.fixture
def folder(tmp_path):
    for name, colour in (("cats", (255, 0, 0)), ("dogs", (0, 0, 255))):
        for number in range(3):
            picture(tmp_path / "pets" / name / f"{number}.png", colour=colour)
    return tmp_path / "pets"


def problem(folder, *more):
    with pytest.raises(DataError) as caught:
        images.read(folder, *more)
    [line] = caught.value.problems
    return line


def test_folders_are_classes(folder):
    arrays = images.read(folder)
    assert arrays.classes == ("cats", "dogs")
    assert arrays.x.shape == (6, 6, 8, 3) and arrays.x.dtype == np.uint8
    assert arrays.y.tolist() == [0, 0, 0, 1, 1, 1]
    assert arrays.x[0, 0, 0].tolist() == [255, 0, 0] and arrays.x[5, 0, 0].tolist() == [0, 0, 255]


def test_grey_and_resized(folder):
    picture(folder / "cats" / "large.jpg", (640, 480), (255, 255, 255))
    arrays = images.read(folder, Style((12, 10), grey=True))
    assert arrays.x.shape == (7, 12, 10, 1)
    assert arrays.x[3].min() == 255  # "large.jpg" comes after 0, 1 and 2


def test_own_test_and_validation_set(folder, tmp_path):
    for part in ("train", "validation", "test"):
        for name in ("cats", "dogs"):
            picture(tmp_path / "parts" / part / name / "0.png")
    arrays = images.read(tmp_path / "parts")
    assert [len(y) for _, y in arrays.parts] == [2, 2, 2]
    assert arrays.validation is not None and arrays.test is not None


def test_a_turned_photograph_is_turned_back(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turned by 90 degrees
    for name in ("a", "b"):
        picture(tmp_path / name / "photo.jpg", (8, 6), exif=exif)
    assert images.read(tmp_path).x.shape == (2, 8, 6, 3)


def test_hidden_and_other_files_are_left_out_and_counted(folder):
    (folder / "cats" / ".DS_Store").write_text("")
    (folder / "cats" / "._0.png").write_text("")
    (folder / "cats" / "notes.txt").write_text("")
    for number in range(3):
        (folder / "dogs" / f"IMG_{number}.HEIC").write_text("")
        picture(folder / "dogs" / "old" / ".ipynb_checkpoints" / f"{number}.png")
    (folder / "__MACOSX" / "cats").mkdir(parents=True)
    (folder / "__MACOSX" / "cats" / "._1.png").write_text("")
    picture(folder / "loose.png")
    (folder / "labels.csv").write_text("")
    arrays = images.read(folder)
    assert len(arrays.y) == 6
    left_out = [note for note in arrays.notes if note.startswith("left out")]
    assert left_out == [
        "left out, as their endings are not read: 3 .heic, 1 .txt, 1 .csv"
        " (such as cats/notes.txt, dogs/IMG_0.HEIC, dogs/IMG_1.HEIC)",
        "left out: 6 hidden files in cats, dogs/old/.ipynb_checkpoints, __MACOSX",
        "left out: 1 file outside of the classes' folders: loose.png",
    ]


def test_unreadable_images_are_named(folder):
    (folder / "cats" / "broken.png").write_bytes(b"not a picture")
    complete = (folder / "dogs" / "0.png").read_bytes()
    (folder / "dogs" / "cut.png").write_bytes(complete[: len(complete) // 2])
    assert problem(folder) == (
        "[data] source: received unreadable images: cats/broken.png, dogs/cut.png,"
        " expected images that Pillow can read"
    )


def test_16_bits_beside_8_are_refused(folder):
    Image.fromarray(np.full((6, 8), 40_000, np.uint16)).save(folder / "cats" / "deep.png")
    assert problem(folder) == (
        "[data] source: received 1 images of 16 bits (cats/deep.png) beside 6 of 8,"
        " expected one depth for all"
    )


def test_16_bits_are_read_as_such(tmp_path):
    for name, value in (("a", 300), ("b", 301)):
        (tmp_path / name).mkdir()
        Image.fromarray(np.full((6, 8), value, np.uint16)).save(tmp_path / name / "0.png")
    for style in (Style(), Style(grey=True), Style((3, 4))):
        arrays = images.read(tmp_path, style)
        assert arrays.x.dtype == np.uint16
        assert [sample.min() for sample in arrays.x] == [300, 301]
        assert arrays.x.shape[-1] == (1 if style.grey else 3)


def test_every_mistake_at_once(folder):
    (folder / "cats" / "broken.png").write_bytes(b"not a picture")
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "blue")]
    for name in ("moving.gif", "moving.webp", "moving.png", "pages.tif"):
        frames[0].save(folder / "dogs" / name, save_all=True, append_images=frames[1:])
    Image.new("F", (8, 6)).save(folder / "dogs" / "float.tif")
    with pytest.raises(DataError) as caught:
        images.read(folder)
    assert caught.value.problems == [
        "[data] source: received unreadable images: cats/broken.png,"
        " expected images that Pillow can read",
        "[data] source: received images of several frames: dogs/moving.gif, dogs/moving.png,"
        " dogs/moving.webp, dogs/pages.tif, expected one picture in each file",
        "[data] source: received images of 32 bits per channel or of another colour space:"
        " dogs/float.tif, expected 8 or 16 bits per channel, grey, RGB or CMYK",
    ]


def test_transparent_pixels_get_the_background(folder):
    shape = Image.new("RGBA", (8, 6), (0, 0, 0, 0))  # black on nothing: only alpha tells
    shape.paste((0, 0, 0, 255), (0, 0, 4, 6))
    shape.save(folder / "cats" / "icon.png")
    palette = shape.convert("P")
    palette.info["transparency"] = palette.getpixel((7, 5))
    palette.save(folder / "dogs" / "icon.gif")
    for background, values in (("white", [0, 255]), ("#808080", [0, 128])):
        arrays = images.read(folder, Style(grey=True, background=background))
        assert arrays.x[3, 0, [0, 7], 0].tolist() == values, background
        assert arrays.notes[0] == (
            f"transparent pixels of 2 images are put on {background} ([data] background),"
            " such as cats/icon.png"
        )
    with pytest.raises(DataError) as caught:
        images.read(folder, Style(background="black"))
    assert caught.value.problems == [
        '[data] background: received "black", before which nothing is left of cats/icon.png,'
        " dogs/icon.gif, expected another colour"
    ]


@pytest.mark.parametrize(
    ("mode", "name"),
    [
        *(("CMYK", "0.jpg"), ("YCbCr", "0.jpg"), ("P", "0.png"), ("P", "0.bmp"), ("L", "0.pgm")),
        *(("LA", "0.png"), ("RGB", "0.jfif"), ("RGB", "0.JPE"), ("CMYK", "0.tif"), ("1", "0.png")),
    ],
)
def test_colours_are_what_they_look_like(tmp_path, mode, name):
    grey = mode in ("L", "LA", "1")
    colours = {"a": (0, 0, 0) if grey else (255, 0, 0), "b": (255,) * 3 if grey else (0, 0, 255)}
    for place, colour in colours.items():
        (tmp_path / place).mkdir()
        form = {".jfif": "JPEG", ".JPE": "JPEG"}.get((tmp_path / name).suffix)
        Image.new("RGB", (8, 6), colour).convert(mode).save(tmp_path / place / name, form)
    arrays = images.read(tmp_path)
    for sample, colour in zip(arrays.x, colours.values(), strict=True):
        assert np.abs(sample.astype(int) - colour).max() <= 3, name


def test_colours_of_16_bits_are_told(tmp_path):
    deep = np.full((6, 8, 3), 0x1234, ">u2").tobytes()
    rows = b"".join(b"\0" + deep[row * 48 : (row + 1) * 48] for row in range(6))
    head = struct.pack(">IIBBBBB", 8, 6, 16, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "0.png").write_bytes(png)
    arrays = images.read(tmp_path)
    assert arrays.x[0, 0, 0].tolist() == [0x12] * 3
    assert arrays.notes == (
        "2 images in colours of 16 bits are read with 8: a/0.png, b/0.png",
        "1 images repeat another one, such as b/0.png that of a/0.png; 1 of them in another class",
    )


def test_larger_than_memory_is_the_same_from_disk(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    for part in ("Training", "Testing"):
        for name in ("cats", "dogs"):
            (tmp_path / part / name).mkdir(parents=True)
            for number in range(9):
                pixels = rng.integers(0, 256, (6, 8, 3), np.uint8)
                Image.fromarray(pixels).save(tmp_path / part / name / f"{number}.png")
    for normalize in ("auto", "standard"):
        section = DataSection(source=str(tmp_path), normalize=normalize, folds=3)
        held = loading.load(section, seed=0, folder=tmp_path)
        with monkeypatch.context() as small:
            small.setattr(rows_on_disk, "memory_limit", lambda: 1000)
            small.setattr(rows_on_disk, "BLOCK_BYTES", 500)
            stored = loading.load(section, seed=0, folder=tmp_path)
            both = zip((*held.folds, held.split), (*stored.folds, stored.split), strict=True)
            for one, other in both:
                assert type(other.train.x).__name__ == "RowsOnDisk"
                assert np.allclose(one.preparation.divide, other.preparation.divide, rtol=1e-14)
                for before, after in zip(one, other, strict=True):
                    prepared = other.preparation.apply(after.x)
                    expected = one.preparation.apply(before.x)
                    assert np.allclose(prepared[:], expected, atol=1e-6)
                    assert np.array_equal(prepared[[3, 1]], prepared[:][[3, 1]])
                    assert np.array_equal(before.y, after.y)
            assert np.array_equal(held.test.x, stored.test.x)
            assert held.fingerprint == stored.fingerprint
            assert [*duplicates.notes(held)] == [*duplicates.notes(stored)]


def test_several_sizes_need_image_size(folder):
    picture(folder / "dogs" / "wide.png", (20, 6))
    line = problem(folder)
    assert line.startswith("[data] image_size: received nothing, for images of 6×8 (")
    assert line.endswith("6×20 (dogs/wide.png), expected [height, width]")


def test_one_class_only(folder):
    assert problem(folder / "cats") == (
        "[data] source: received cats with no folders,"
        " expected a folder of images for each of two classes or more"
    )
    for path in (folder / "dogs").iterdir():
        path.unlink()
    assert "no images in pets/dogs" in problem(folder)
    (folder / "dogs").rmdir()
    assert "pets with one folder (cats)" in problem(folder)


def test_a_class_only_in_the_test_set(tmp_path):
    for place in ("train/cats", "train/dogs", "test/cats", "test/dogs", "test/birds"):
        picture(tmp_path / place / "0.png")
    assert problem(tmp_path) == (
        "[data] source: received class birds only in test,"
        " expected the classes of the training set: cats, dogs"
    )
