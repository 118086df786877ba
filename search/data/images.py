"""Sources that are folders of images, one subfolder per class."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from studyhall.search.data.arrays import Arrays
from studyhall.search.data.errors import refusal, shortened
from studyhall.search.data.npz import PARTS

EIGHT_BITS = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"}  # Pillow's modes
SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
NAMED = 5  # unreadable files listed in a message; the rest is counted

Size = tuple[int, int]  # height, width in pixels
Pixels = NDArray[np.uint8]


def read(folder: Path, size: Size | None = None, grey: bool = False) -> Arrays:
    """Read images as uint8 (N, height, width, 1 or 3), and their class numbers (N,).

    Args:
        folder: contains a subfolder per class, or `train`, `test` and `validation` with these.
        size: height and width in pixels to resize to; None if all images have the same size.
        grey: read one channel instead of red, green and blue.

    Raises:
        DataError: fewer than two classes, a class without images, unreadable images, or images of
            different sizes without `size`.
    """
    parts = _parts(folder)
    classes = _classes(parts["train"])
    files = {name: _files(part, classes) for name, part in parts.items()}
    pictures = _open_all([path for listed in files.values() for path in listed], size, grey)
    pairs = {
        name: (
            np.stack([pictures[path] for path in listed]),
            np.array([classes.index(_class_of(path, parts[name])) for path in listed]),
        )
        for name, listed in files.items()
    }
    return Arrays(*pairs["train"], pairs.get("validation"), pairs.get("test"), classes=classes)


def _parts(folder: Path) -> dict[str, Path]:
    """Return the folders of the training, validation and test set; else the folder as "train"."""
    inside = {PARTS.get(path.name.lower(), ""): path for path in _folders(folder)}
    return inside if "train" in inside and "" not in inside else {"train": folder}


def _classes(folder: Path) -> tuple[str, ...]:
    names = tuple(path.name for path in _folders(folder))
    if len(names) < 2:
        received = f"{folder.name} with " + (f"one folder ({names[0]})" if names else "no folders")
        raise refusal("source", received, "a folder of images for each of two classes or more")
    return names


def _folders(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))


def _files(folder: Path, classes: tuple[str, ...]) -> list[Path]:
    """Return all images of a part, sorted by class."""
    strange = [path.name for path in _folders(folder) if path.name not in classes]
    files = {name: pictures_in(folder / name) for name in classes}
    empty = [name for name in classes if not files[name]]
    if strange:
        received = f"class {shortened(strange)} only in {folder.name}"
        raise refusal("source", received, f"the classes of the training set: {shortened(classes)}")
    if empty:
        received = f"no images in {folder.name}/{shortened(empty)}"
        raise refusal("source", received, f"some of {', '.join(SUFFIXES)}")
    return [path for name in classes for path in files[name]]


def pictures_in(folder: Path) -> list[Path]:
    """Return the paths of all pictures in a folder and below it."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    )


def _class_of(path: Path, folder: Path) -> str:
    return path.relative_to(folder).parts[0]


def _open_all(files: list[Path], size: Size | None, grey: bool) -> dict[Path, Pixels]:
    with ThreadPoolExecutor() as threads:  # Pillow releases the GIL while it decodes
        results = list(threads.map(lambda path: opened(path, size, grey), files))
    pictures = dict(zip(files, results, strict=True))
    unreadable = [f"{path.parent.name}/{path.name}" for path in files if pictures[path] is None]
    if unreadable:
        received = f"unreadable images: {shortened(unreadable, NAMED)}"
        raise refusal("source", received, "images of 8 bits per channel")
    return _of_one_size(pictures)


def opened(path: Path, size: Size | None, grey: bool) -> Pixels | None:
    """Return the pixels (height, width, channels); None if the file is not an 8-bit image."""
    try:
        with Image.open(path) as image:
            if image.mode not in EIGHT_BITS:
                return None
            if (
                size is not None
            ):  # draft mode decodes a large JPEG at a fraction of its size, much faster
                image.draft(None, (2 * max(size), 2 * max(size)))
            picture = ImageOps.exif_transpose(image).convert("L" if grey else "RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):  # Pillow's errors
        return None
    if size is not None:
        picture = picture.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    pixels = np.asarray(picture, np.uint8)
    return pixels[..., np.newaxis] if grey else pixels


def _of_one_size(pictures: dict[Path, Any]) -> dict[Path, Pixels]:
    sizes = {pixels.shape[:2]: path for path, pixels in pictures.items()}
    if len(sizes) > 1:
        seen = [f"{h}×{w} ({path.parent.name}/{path.name})" for (h, w), path in sizes.items()]
        raise refusal(
            "image_size", f"nothing, for images of {shortened(seen, 3)}", "[height, width]"
        )
    return pictures
