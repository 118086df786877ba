import numpy as np
import pytest
from PIL import Image

from studyhall.search.data.sources import image_sizes, images
from studyhall.search.data.sources.picture import Style
from studyhall.search.study_file.input_sections import DataSection

RNG = np.random.default_rng(0)


def pictures(folder, sizes):
    """A folder of two classes with images of these sizes (height, width)."""
    for number, (height, width) in enumerate(sizes):
        path = folder / "scans" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(RNG.integers(0, 256, (height, width, 3), np.uint8)).save(path)
    return folder


def suggested(folder, **keys):
    return image_sizes.suggested(DataSection(source="scans", **keys), folder)


def test_images_of_one_small_size_stay(tmp_path):
    assert suggested(pictures(tmp_path, [(28, 30)] * 4)) is None


@pytest.mark.parametrize(
    ("sizes", "size"),
    [
        ([(28, 28), (30, 28)], (32, 32)),
        ([(512, 256)] * 2, (64, 32)),
        ([(300, 400), (150, 200), (301, 402)], (48, 64)),
        ([(5, 900), (5, 910)], (8, 64)),
    ],
)
def test_others_get_a_size_in_their_proportions(tmp_path, sizes, size):
    folder = pictures(tmp_path, sizes)
    assert suggested(folder) == size
    assert images.read(folder / "scans", Style(size)).x.shape[1:3] == size


def test_a_size_that_is_given_stays(tmp_path):
    assert suggested(pictures(tmp_path, [(28, 28), (30, 28)]), image_size=(9, 9)) is None


def test_images_lying_on_their_side_count_as_they_are_read(tmp_path):
    folder = pictures(tmp_path, [(40, 20), (40, 20)])
    turned = Image.fromarray(np.zeros((20, 40, 3), np.uint8))
    exif = turned.getexif()
    exif[image_sizes.ORIENTATION] = 6
    turned.save(folder / "scans/a/turned.png", exif=exif)
    assert suggested(folder) is None


def test_what_is_no_image_is_left_to_the_reading(tmp_path):
    folder = pictures(tmp_path, [(28, 28)] * 2)
    (folder / "scans/a/broken.png").write_bytes(b"\x89PNG")
    assert suggested(folder) is None


@pytest.mark.parametrize("source", ["sklearn:digits", "data.npz", "my_data.py:load"])
def test_other_data_have_no_size(tmp_path, source):
    np.savez(tmp_path / "data.npz", x=np.zeros(3), y=np.zeros(3))
    assert image_sizes.suggested(DataSection(source=source), tmp_path) is None
