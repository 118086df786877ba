"""The size to which the images of a folder are resized if nobody says one."""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Iterator
from pathlib import Path

from studyhall.search.data.sources import source_check, table_patterns
from studyhall.search.study_file.input_sections import DataSection

LARGEST = 96  # pixels that are kept if all images have that size
RESIZED = 64  # pixels of the longer side of larger images
STEP = 8  # sides are multiples of it, so that convolutions can halve them
ORIENTATION = 0x0112  # EXIF tag
TURNED = (5, 6, 7, 8)  # orientations that swap height and width

Size = tuple[int, int]  # height, width


def suggested(section: DataSection, folder: Path) -> Size | None:
    """Return a size for images of several sizes, or of a large one; else None.

    Only the heads of the files are read.

    Args:
        section: the `[data]` table.
        folder: the study file's folder.

    Raises:
        DataError: the source is missing, or its folders are not clear.
    """
    if section.image_size is not None or not source_check.is_on_disk(section.source):
        return None
    if table_patterns.is_pattern(section.source, folder):
        return None
    path = source_check.existing(section.source, folder)
    return _for([*_sizes(path, section.folders)]) if path.is_dir() else None


def _sizes(path: Path, folders: str) -> Iterator[Size]:
    from studyhall.search.data.sources import class_folders

    for part in class_folders.find(path, folders).files.values():
        for file, _ in part:
            if (size := _of_file(file)) is not None:
                yield size


def _of_file(file: Path) -> Size | None:
    """Return the size of an image; None if it can't be opened, which its reading refuses."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(file) as image:
                width, height = image.size
                turned = image.getexif().get(ORIENTATION) in TURNED
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            return None
    return (width, height) if turned else (height, width)


def _for(sizes: list[Size]) -> Size | None:
    if len({*sizes}) < 2 and max((max(size) for size in sizes), default=0) <= LARGEST:
        return None
    usual = [statistics.median(side) for side in zip(*sizes, strict=True)]
    scale = min(1.0, RESIZED / max(usual))
    height, width = (max(STEP, STEP * round(side * scale / STEP)) for side in usual)
    return height, width
