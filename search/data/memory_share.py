"""The share of the free memory that data may take which are read as a whole.

Splitting and normalising make copies, so that reading takes several times what the data take
themselves. What is larger is refused by the sizes that files state of themselves, before it is
decoded; where they state none, it is counted while decoding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from studyhall.search.data import rows_on_disk
from studyhall.search.data.errors import DataError, refusal

STREAMS = "more as streams: batches from a load() of your own, for a model of your own"


def check(size: int, name: str, what: str, way_out: str = STREAMS) -> None:
    """Refuse a file whose content takes more memory than data may.

    Args:
        size: of the content, decoded, in bytes.
        name: of the file.
        what: it holds.
        way_out: what can be done.

    Raises:
        DataError: it is larger.
    """
    limit = rows_on_disk.memory_limit()
    if size > limit:
        raise _too_large(f"{name} with {what} of {amount(size)}", limit, way_out)


def counted(chunks: Iterable[bytes], name: str, what: str) -> Iterator[bytes]:
    """Yield the chunks of a file's content until they take more memory than data may.

    Raises:
        DataError: they are larger.
    """
    limit, size = rows_on_disk.memory_limit(), 0
    for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise _too_large(f"{name} with more than {amount(limit)} of {what}", limit, STREAMS)
        yield chunk


def largest() -> str:
    """Describe the largest size that is read."""
    return f"at most {amount(rows_on_disk.memory_limit())}, a quarter of the memory that is free"


def _too_large(received: str, limit: int, way_out: str) -> DataError:
    expected = f"at most {amount(limit)}, a quarter of the memory that is free; {way_out}"
    return refusal("source", received, expected)


def amount(size: int) -> str:
    """Return a size as text: ``3.4 GiB``, ``12.0 MiB``."""
    return f"{size / 2**30:,.1f} GiB" if size >= 2**30 else f"{size / 2**20:,.1f} MiB"
