"""Sources that are folders of images, one subfolder per class, by themselves or in parts."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from studyhall.search.data import rows_on_disk
from studyhall.search.data.arrays import Arrays, Samples, digest
from studyhall.search.data.errors import DataError, problem, refusal, shortened
from studyhall.search.data.rows_on_disk import RowFile, RowsOnDisk
from studyhall.search.data.sources import class_folders, picture
from studyhall.search.data.sources.picture import PictureError, Style

AS_THEY_ARE = Style()
NAMED = 5  # refused files listed in a message; the rest is counted


def read(folder: Path, style: Style = AS_THEY_ARE, folders: str = "auto") -> Arrays:
    """Read images as (N, height, width, 1 or 3), and their class numbers (N,).

    Pixels are uint8, or uint16 if all images are grey with 16 bits. If they don't fit in memory,
    they are kept in a file on disk.

    Args:
        folder: contains a subfolder per class, or training, test and validation set with these.
        style: the form in which they are read.
        folders: what its subfolders are: "classes", "parts" or "auto".

    Raises:
        DataError: the folder's structure is not clear, images can't be read, or they are of
            different sizes without a size to resize to.
    """
    found = class_folders.find(folder, folders)
    listed = [file for part in found.files.values() for file in part]
    samples, seen = _opened([path for path, _ in listed], style)
    y, start, pairs = np.array([number for _, number in listed]), 0, {}
    for name, part in found.files.items():
        rows = slice(start, start + len(part))
        pairs[name] = _some(samples, rows), y[rows]
        start += len(part)
    return Arrays(
        *pairs["train"],
        pairs.get("validation"),
        pairs.get("test"),
        classes=found.classes,
        notes=(*found.left_out.notes(), *_notes(seen, style), *_twice(seen, y)),
    )


def _some(samples: Samples, rows: slice) -> Samples:
    return samples.take(rows) if isinstance(samples, RowsOnDisk) else samples[rows]


@dataclass(frozen=True)
class Seen:
    """The things that are remembered of each image once its pixels are stored.

    Attributes:
        path: its file.
        shape: (height, width, channels) in pixels; None if it is refused.
        deep: it has 16 bits.
        transparent, vanished, cut: as in `Picture`.
        digest: of its pixels.
        refused: the reason why it can't be read, or "".
        size: as in `PictureError`.
    """

    path: Path
    shape: tuple[int, ...] | None = None
    deep: bool = False
    transparent: bool = False
    vanished: bool = False
    cut: bool = False
    digest: bytes = b""
    refused: str = ""
    size: str = ""

    @property
    def name(self) -> str:
        """The file's name in messages."""
        name = f"{self.path.parent.name}/{self.path.name}"
        return f"{name} ({self.size})" if self.size else name


def _opened(files: Sequence[Path], style: Style) -> tuple[Samples, list[Seen]]:
    """Read all files into one array, or into a file of rows if that would be too large."""
    first = _first(files, style)
    shape = (len(files), *first.shape)
    target: Any = (
        RowFile(shape, first.dtype)
        if rows_on_disk.too_large(shape, first.dtype)
        else np.empty(shape, first.dtype)
    )

    def store(number: int) -> Seen:
        try:
            found = picture.read(files[number], style)
        except PictureError as error:
            return Seen(files[number], refused=str(error), size=error.size)
        if found.pixels.shape == first.shape and found.pixels.dtype == first.dtype:
            target[number] = found.pixels
        deep = found.pixels.dtype != np.uint8
        about = found.transparent, found.vanished, found.cut, digest(found.pixels)
        return Seen(files[number], found.pixels.shape, deep, *about)

    with _without_warnings(), ThreadPoolExecutor() as threads:  # Pillow decodes without the GIL
        seen = list(threads.map(store, range(len(files))))
    _check(seen, style)
    on_disk = isinstance(target, RowFile)
    return RowsOnDisk(target, np.arange(len(files))) if on_disk else target, seen


def _first(files: Sequence[Path], style: Style) -> np.ndarray[Any, Any]:
    """Return the pixels of the first image that can be read; else one black pixel."""
    with _without_warnings():
        for path in files:
            try:
                return picture.read(path, style).pixels
            except PictureError:
                continue
    return np.zeros((1, 1, 3), np.uint8)


class _without_warnings(warnings.catch_warnings):  # noqa: N801  used like a function
    """Turn Pillow's warning of huge images into an error, and drop those of odd metadata."""

    def __enter__(self) -> Any:
        entered = super().__enter__()
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        return entered


def _check(seen: Sequence[Seen], style: Style) -> None:
    """Refuse images that can't be read, or that don't fit together."""
    problems = [*_refused(seen), *_depths(seen)]
    good = [each for each in seen if not each.refused]
    faded = [each.name for each in good if each.vanished]
    if faded and len(faded) == sum(each.transparent for each in good):
        received = f'"{style.background}", before which nothing is left of {shortened(faded, 3)}'
        problems.append(problem("background", received, "another colour"))
    if problems:
        raise DataError(problems)
    sizes = {each.shape[:2]: each.name for each in reversed(good) if each.shape is not None}
    if len(sizes) > 1:
        shown = [f"{h}×{w} ({name})" for (h, w), name in reversed(sizes.items())]
        received = f"nothing, for images of {shortened(shown, 3)}"
        raise refusal("image_size", received, "[height, width]")


def _refused(seen: Sequence[Seen]) -> Iterator[str]:
    for reason in picture.EXPECTED:
        names = [each.name for each in seen if each.refused == reason]
        if names:
            received = f"{reason}: {shortened(names, NAMED)}"
            yield problem("source", received, picture.expected(reason))


def _depths(seen: Sequence[Seen]) -> Iterator[str]:
    deep = [each.name for each in seen if each.deep]
    flat = [each.name for each in seen if not each.deep and not each.refused]
    if deep and flat:
        received = (
            f"{len(deep)} images of 16 bits ({shortened(deep, NAMED)}) beside {len(flat)} of 8"
        )
        yield problem("source", received, "one depth for all")


def _notes(seen: Sequence[Seen], style: Style) -> Iterator[str]:
    transparent = [each.name for each in seen if each.transparent]
    if transparent:
        yield (
            f"transparent pixels of {_images(transparent)} are put on {style.background}"
            f" ([data] background), such as {transparent[0]}"
        )
    faded = [each.name for each in seen if each.vanished]
    if faded:
        yield f"nothing is left of {_images(faded)} on this background: {shortened(faded, 3)}"
    cut = [each.name for each in seen if each.cut]
    if cut:
        yield f"{_images(cut)} in colours of 16 bits are read with 8: {shortened(cut, 3)}"


def _twice(seen: Sequence[Seen], y: NDArray[Any]) -> Iterator[str]:
    """Yield a sentence on images whose pixels are those of an earlier one."""
    first: dict[bytes, int] = {}
    pairs = [(first.setdefault(each.digest, n), n) for n, each in enumerate(seen)]
    same = [(one, other) for one, other in pairs if one != other]
    if same:
        strange = sum(y[one] != y[other] for one, other in same)
        differ = f"; {strange} of them in another class" if strange else ""
        example = f"{seen[same[0][1]].name} that of {seen[same[0][0]].name}"
        yield f"{len(same)} images repeat another one, such as {example}{differ}"


def _images(names: Sequence[str]) -> str:
    return "one image" if len(names) == 1 else f"{len(names)} images"
