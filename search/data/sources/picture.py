"""Reading of one image file as pixels: depths, palettes, transparency, orientation.

Whatever can't be read rightly is refused by its name; nothing is cut without a word.
"""

from __future__ import annotations

import functools
import threading
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from studyhall.search.data import memory_share, rows_on_disk

FORMATS = {"AVIF", "BMP", "DIB", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TGA", "TIFF", "WEBP"}
EIGHT_BITS = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"}
DEEP = {"I", "I;16", "I;16B", "I;16L", "I;16N"}  # Pillow's modes of 16-bit grey images
DEEPEST = 2**16 - 1
OPAQUE = 255
# Bytes for each pixel that are held while a picture is decoded, turned, composed and resized.
PIXEL_BYTES, FLAT_BYTES = 24, 15
FLAT = {"1", "L", "RGB", "CMYK", "YCbCr"}  # modes for which it is FLAT_BYTES
SMALL = 32 * 2**20  # bytes that each of a few threads may take at any time

UNREADABLE = "unreadable images"
ANIMATED = "images of several frames"
STRANGE = "images of 32 bits per channel or of another colour space"
HUGE = "images of too many pixels"
LARGE = "images that take too much memory"
EXPECTED = {
    UNREADABLE: "images that Pillow can read",
    ANIMATED: "one picture in each file",
    STRANGE: "8 or 16 bits per channel, grey, RGB or CMYK",
    HUGE: f"at most {Image.MAX_IMAGE_PIXELS or 0:,}",
    LARGE: f"smaller ones, or {memory_share.STREAMS}",
}

_LARGE_ONES = threading.Lock()
Pixels = NDArray[Any]  # (height, width, 1 or 3), uint8 or uint16
Size = tuple[int, int]  # height, width in pixels


@dataclass(frozen=True)
class Style:
    """The form in which pictures are read.

    Attributes:
        size: height and width in pixels to resize to; None to keep the picture's own.
        grey: read one channel instead of red, green and blue.
        background: colour behind transparent pixels, as Pillow names it.
    """

    size: Size | None = None
    grey: bool = False
    background: str = "white"


@dataclass(frozen=True)
class Picture:
    """One picture as it was read.

    Attributes:
        pixels: (height, width, 1 or 3), uint8, or uint16 for grey images of 16 bits.
        transparent: it has transparent pixels.
        vanished: nothing but the background is left of it, though not all of it is transparent.
        cut: only 8 of its 16 bits per channel were read.
    """

    pixels: Pixels
    transparent: bool = False
    vanished: bool = False
    cut: bool = False


class PictureError(ValueError):
    """An error: the file is not read; the message is one of the keys of `EXPECTED`.

    Attributes:
        size: width and height in pixels, and memory, of a picture that takes too much; else "".
    """

    def __init__(self, reason: str, size: str = "") -> None:
        super().__init__(reason)
        self.size = size


def expected(reason: str) -> str:
    """Return what is expected instead of pictures that are refused for this reason."""
    limit = f"{memory_share.largest()}, while one is decoded: " if reason == LARGE else ""
    return limit + EXPECTED[reason]


def read(path: Path, style: Style) -> Picture:
    """Read an image file; its first picture if it is a photograph with a preview.

    Raises:
        PictureError: it is broken, or of a kind that is not read.
    """
    with ExitStack() as alone:
        image, cut = _decoded(path, style, alone)
        if image.mode in DEEP:
            return Picture(_deep(image, style))
        if image.has_transparency_data:
            return _composed(image.convert("RGBA"), style, cut)
        return Picture(_shaped(image.convert("L" if style.grey else "RGB"), style), cut=cut)


def _decoded(path: Path, style: Style, alone: ExitStack) -> tuple[Image.Image, bool]:
    """Decode a file; return the upright image, and whether 16 bits per colour were cut to 8.

    Args:
        path: the file.
        style: the form in which it is read.
        alone: holds off other large pictures until it is closed.
    """
    try:
        with Image.open(path, formats=_formats()) as image:
            _check(image)
            cut = image.mode not in DEEP and any(";16" in str(tile[3]) for tile in image.tile)
            if style.size is not None:  # decodes a large JPEG at a fraction of its size
                image.draft(None, (2 * max(style.size), 2 * max(style.size)))
            alone.enter_context(_turn(image))
            return ImageOps.exif_transpose(image), cut
    except PictureError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(HUGE) from error
    except MemoryError as error:
        raise PictureError(LARGE) from error
    except Exception as error:  # for broken files Pillow's decoders raise whatever they stumble on
        raise PictureError(UNREADABLE) from error


@functools.cache
def _formats() -> list[str]:
    """Return the formats that this build of Pillow reads, without those that run programs."""
    Image.init()
    return sorted(FORMATS & {*Image.OPEN})


def _check(image: Image.Image) -> None:
    # A photograph in the format MPO has a preview or a depth map as a second frame.
    if image.format != "MPO" and getattr(image, "is_animated", False):
        raise PictureError(ANIMATED)
    if image.mode not in EIGHT_BITS | DEEP:
        raise PictureError(STRANGE)


def _turn(image: Image.Image) -> AbstractContextManager[Any]:
    """Return a lock for a large picture, of which one is decoded at a time, not one per thread.

    Raises:
        PictureError: it takes more memory than data may.
    """
    flat = image.mode in FLAT and "transparency" not in image.info
    size = image.width * image.height * (FLAT_BYTES if flat else PIXEL_BYTES)
    if size <= SMALL:
        return nullcontext()
    if size > rows_on_disk.memory_limit():
        amount = memory_share.amount(size)
        raise PictureError(LARGE, f"{image.width:,}×{image.height:,} pixels, {amount}")
    return _LARGE_ONES


def _composed(image: Image.Image, style: Style, cut: bool) -> Picture:
    """Put a picture with an alpha channel in front of the background."""
    alpha = np.asarray(image.getchannel("A"))
    canvas = Image.new("RGBA", image.size, style.background)
    canvas.alpha_composite(image)
    opaque = canvas.convert("RGB")
    blank = np.ptp(alpha) > 0 and not np.ptp(np.asarray(opaque), axis=(0, 1)).any()
    final = opaque.convert("L") if style.grey else opaque
    return Picture(_shaped(final, style), bool(alpha.min() < OPAQUE), bool(blank), cut)


def _shaped(image: Image.Image, style: Style) -> Pixels:
    if style.size is not None:
        image = image.resize((style.size[1], style.size[0]), Image.Resampling.BILINEAR)
    pixels = np.asarray(image, np.uint8)
    return pixels[..., np.newaxis] if pixels.ndim == 2 else pixels


def _deep(image: Image.Image, style: Style) -> Pixels:
    """Return a grey image of 16 bits as uint16."""
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > DEEPEST:
        raise PictureError(STRANGE)
    if style.size is not None:  # Pillow resizes this depth only as floats
        floats = Image.fromarray(values.astype(np.float32))
        resized = floats.resize((style.size[1], style.size[0]), Image.Resampling.BILINEAR)
        values = np.rint(np.asarray(resized)).clip(0, DEEPEST)
    pixels = values.astype(np.uint16)[..., np.newaxis]
    return pixels if style.grey else np.repeat(pixels, 3, axis=-1)
