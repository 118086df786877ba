import numpy as np
import pytest
from PIL import Image

from studyhall.search.data import images
from studyhall.search.data.errors import DataError
from studyhall.search.data.picture import Style


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


def test_hidden_and_other_files_are_left_out(folder):
    (folder / "cats" / ".DS_Store").write_text("")
    (folder / "cats" / "._0.png").write_text("")
    (folder / "cats" / "notes.txt").write_text("")
    (folder / ".thumbnails").mkdir()
    assert len(images.read(folder).y) == 6


def test_unreadable_images_are_named(folder):
    (folder / "cats" / "broken.png").write_bytes(b"not a picture")
    complete = (folder / "dogs" / "0.png").read_bytes()
    (folder / "dogs" / "cut.png").write_bytes(complete[: len(complete) // 2])
    assert problem(folder) == (
        "[data] source: received unreadable images: cats/broken.png, dogs/cut.png,"
        " expected images of 8 bits per channel"
    )


def test_16_bits_are_not_silently_cut(folder):
    Image.fromarray(np.full((6, 8), 40_000, np.uint16)).save(folder / "cats" / "deep.png")
    assert "cats/deep.png" in problem(folder)


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
