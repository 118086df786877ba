"""A folder of images per class: pictures of one size, the folders' names as classes."""

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
NAMED = 5  # unreadable files that are named; the rest is counted

Size = tuple[int, int]  # height, width in pixels
Pixels = NDArray[np.uint8]


def read(folder: Path, size: Size | None = None, grey: bool = False) -> Arrays:
    """Pictures (N, height, width, 1 or 3) of 8 bits, and their classes' numbers.

    Args:
        folder: one folder per class in it, or `train`, `test` and `validation` with these in them.
        size: height and width that every picture gets; None where all have the same.
        grey: one channel instead of red, green and blue.

    Raises:
        DataError: fewer than two classes, one without pictures, unreadable ones, or several sizes.
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
    """The folders of training, validation and test set; the folder itself where it has none."""
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
    """All images of a part, by class."""
    strange = [path.name for path in _folders(folder) if path.name not in classes]
    files = {name: _images(folder / name) for name in classes}
    empty = [name for name in classes if not files[name]]
    if strange:
        received = f"class {shortened(strange)} in {folder.name} only"
        raise refusal("source", received, f"the classes to train on: {shortened(classes)}")
    if empty:
        received = f"no images in {folder.name}/{shortened(empty)}"
        raise refusal("source", received, f"some of {', '.join(SUFFIXES)}")
    return [path for name in classes for path in files[name]]


def _images(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    )


def _class_of(path: Path, folder: Path) -> str:
    return path.relative_to(folder).parts[0]


def _open_all(files: list[Path], size: Size | None, grey: bool) -> dict[Path, Pixels]:
    with ThreadPoolExecutor() as threads:  # decoding lets other threads run
        results = list(threads.map(lambda path: _open(path, size, grey), files))
    pictures = dict(zip(files, results, strict=True))
    unreadable = [f"{path.parent.name}/{path.name}" for path in files if pictures[path] is None]
    if unreadable:
        received = f"unreadable images: {shortened(unreadable, NAMED)}"
        raise refusal("source", received, "images of 8 bits per channel")
    return _of_one_size(pictures)


def _open(path: Path, size: Size | None, grey: bool) -> Pixels | None:
    """Pixels (height, width, channels); None where the file is no image of 8 bits."""
    try:
        with Image.open(path) as image:
            if image.mode not in EIGHT_BITS:
                return None
            if size is not None:  # decodes a large JPEG at a fraction of its size
                image.draft(None, (2 * max(size), 2 * max(size)))
            picture = ImageOps.exif_transpose(image).convert("L" if grey else "RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):  # as Pillow documents
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
