"""The sizes that the parts of a Feather file state of themselves, in front of what is compressed.

The library decompresses a part as a whole before it tells its size. The metadata of a part is a
"flat buffer": a table is a list of places, relative to its own, of the fields that it has
(arrow.apache.org/docs/format/Columnar.html, flatbuffers.dev/internals).
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

MAGIC = 8  # bytes at the beginning of a file
HEADER, DATA, BUFFERS, COMPRESSION = 2, 1, 2, 3  # fields of a message, of a dictionary, of a batch
PART = struct.Struct("<qq")  # where a buffer begins in the body, and its length


def of_feather(path: Path) -> int:
    """Return the bytes that the columns of a file take, decompressed.

    Raises:
        Exception: the file is broken; of many kinds.
    """
    import pyarrow as pa

    with pa.OSFile(str(path)) as file:
        file.seek(MAGIC)
        messages = pa.ipc.MessageReader.open_stream(file)
        return sum(_of_message(each) for each in messages)


def _of_message(message: Any) -> int:
    """Return the size of a batch of rows, or of the values of a column of categories."""
    about, body = memoryview(message.metadata), message.body
    if message.type not in ("record batch", "dictionary"):
        return 0
    batch = _table(about, _field(about, _offset(about, 0), HEADER))
    if message.type == "dictionary":
        batch = _table(about, _field(about, batch, DATA))
    if not _field(about, batch, COMPRESSION):
        return int(body.size)
    first = _table(about, _field(about, batch, BUFFERS))
    (count,) = struct.unpack_from("<I", about, first)
    parts = (PART.unpack_from(about, first + 4 + PART.size * n) for n in range(count))
    return sum(_decompressed(memoryview(body), *part) for part in parts)


def _decompressed(body: memoryview, start: int, length: int) -> int:
    """Return the size that a buffer states in its first eight bytes; -1 if it is not compressed."""
    if not length:
        return 0
    (size,) = struct.unpack_from("<q", body, start)
    return int(length if size < 0 else size)


def _field(about: memoryview, table: int, number: int) -> int:
    """Return the place of a table's field; 0 if the table does not have it."""
    (back,) = struct.unpack_from("<i", about, table)
    fields = table - back
    (size,) = struct.unpack_from("<H", about, fields)
    place = 4 + 2 * number
    if place >= size:
        return 0
    (offset,) = struct.unpack_from("<H", about, fields + place)
    return table + int(offset) if offset else 0


def _table(about: memoryview, field: int) -> int:
    """Return the place of the table, or the list, that a field refers to."""
    return field + _offset(about, field)


def _offset(about: memoryview, place: int) -> int:
    return int(struct.unpack_from("<I", about, place)[0])
