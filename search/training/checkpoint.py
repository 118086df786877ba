"""The byte format of checkpoints: a JSON header and raw arrays with a checksum, no pickled code."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

MAGIC = b"studyhall\x00\x01\n"
VERSION = 1
_FRAME = struct.Struct("<HQ32s")  # version, length of the body in bytes, its SHA-256
_LENGTH = struct.Struct("<Q")  # of the JSON header in bytes


class CheckpointError(ValueError):
    """An error: a checkpoint can't be read, or belongs to another model."""


def pack(header: dict[str, Any], arrays: Sequence[np.ndarray]) -> bytes:
    """Pack a checkpoint into bytes.

    Args:
        header: JSON-able values; floats are restored to the last bit, NaN and infinity included.
        arrays: Stored byte for byte with dtype and shape.
    """
    shapes = [(_kind(array.dtype), array.shape) for array in arrays]
    text = json.dumps({"header": header, "arrays": shapes}).encode()
    parts: list[Any] = [_LENGTH.pack(len(text)), text, *map(_raw, arrays)]  # joined once
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    frame = _FRAME.pack(VERSION, sum(map(len, parts)), digest.digest())
    return b"".join([MAGIC, frame, *parts])


def unpack(blob: bytes) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Return header and arrays of a checkpoint.

    Raises:
        CheckpointError: It is cut off, altered, of another format or of another version.
    """
    body = _checked_body(blob)
    (length,) = _LENGTH.unpack_from(body)
    start = _LENGTH.size + length
    content = json.loads(bytes(body[_LENGTH.size : start]))
    arrays = []
    for dtype, shape in content["arrays"]:
        array = np.frombuffer(body, dtype, count=int(np.prod(shape)), offset=start).reshape(shape)
        start += array.nbytes
        arrays.append(array)
    return content["header"], arrays


def _kind(dtype: np.dtype[Any]) -> str:
    return dtype.name if dtype.kind == "V" else dtype.str  # bfloat16 has no `str` code of its own


def _raw(array: np.ndarray) -> np.ndarray:
    """Return the bytes of an array as uint8 without a copy, if it is contiguous."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8)


def _checked_body(blob: bytes) -> memoryview:
    prefix = len(MAGIC) + _FRAME.size
    if blob[: len(MAGIC)] != MAGIC or len(blob) < prefix:
        raise CheckpointError(f"received {len(blob)} bytes that are no studyhall checkpoint")
    version, length, digest = _FRAME.unpack_from(blob, len(MAGIC))
    if version != VERSION:
        raise CheckpointError(f"received a checkpoint of version {version}, expected {VERSION}")
    body = memoryview(blob)[prefix:]
    if len(body) != length:
        raise CheckpointError(f"received {len(body)} bytes of checkpoint, expected {length}")
    if hashlib.sha256(body).digest() != digest:
        raise CheckpointError("the checkpoint's checksum does not match: it is corrupt")
    return body
