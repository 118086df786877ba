"""Samples that are larger than memory: rows in a file, read whenever some of them are asked for.

The file has no name, so that nothing is left behind whatever ends the process. Its rows are read
with plain system calls instead of a memory map, whose pages would count as memory of the process.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studyhall.search.data.errors import refusal
from studyhall.search.process import free_memory

SHARE = 4  # arrays up to a quarter of the available memory are held in it, as by the engine
BLOCK_BYTES = 32 * 2**20  # size of a block when all rows are read
ON_DISK = Path("/var/tmp")  # unlike /tmp, never held in memory

Rows = NDArray[np.int64]
Array = NDArray[Any]


def too_large(shape: tuple[int, ...], dtype: Any) -> bool:
    """Return True if an array should not be held in memory."""
    return _bytes(shape, dtype) > memory_limit()


def memory_limit() -> int:
    """Return the largest size in bytes of an array that is held in memory."""
    return free_memory.free_bytes() // SHARE


def _bytes(shape: tuple[int, ...], dtype: Any) -> int:
    return int(np.prod(shape, dtype=np.int64)) * int(np.dtype(dtype).itemsize)


class RowFile:
    """A file of rows of one shape and type, without a name.

    Args:
        shape: (N, …) of all rows.
        dtype: type of their values.

    Raises:
        DataError: the disk has no room for it.
    """

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self.shape, self.dtype = shape, np.dtype(dtype)
        self.row_bytes = _bytes(shape[1:], dtype)
        self._file = tempfile.TemporaryFile(dir=_folder())  # noqa: SIM115  open as long as it is
        weakref.finalize(self, self._file.close)
        try:
            _reserve(self._file.fileno(), max(1, self.row_bytes * shape[0]))
        except OSError as error:
            raise _no_room(self.row_bytes * shape[0]) from error

    def __setitem__(self, number: int, row: Array) -> None:
        """Write one row; several threads may do so at once."""
        content = np.ascontiguousarray(row, self.dtype).data.cast("B")
        if os.pwrite(self._file.fileno(), content, number * self.row_bytes) < len(content):
            raise _no_room(self.row_bytes * self.shape[0])

    def read(self, rows: Rows) -> Array:
        """Return some rows, in any order."""
        found = np.empty((len(rows), *self.shape[1:]), self.dtype)
        content = found.reshape(-1).data.cast("B") if found.size else memoryview(b"")
        for first, count in _runs(rows):
            start = first * self.row_bytes
            stop = start + count * self.row_bytes
            self._read(content[start:stop], int(rows[first]) * self.row_bytes)
        return found

    def _read(self, into: memoryview, place: int) -> None:
        while into:  # one call reads at most two GiB
            read = os.preadv(self._file.fileno(), [into], place)
            into, place = into[read:], place + read


def _reserve(file: int, size: int) -> None:
    """Make room for a file of that size; macOS has no call for it, so its disk may fill later."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)
    else:
        os.ftruncate(file, size)


def _folder() -> Path:
    """Return where the file goes: $TMPDIR, else a folder that is not held in memory."""
    if "TMPDIR" not in os.environ and ON_DISK.is_dir() and os.access(ON_DISK, os.W_OK):
        return ON_DISK
    return Path(tempfile.gettempdir())


def _no_room(size: int) -> Exception:
    received = f"samples of {size / 2**30:.1f} GiB, for which {_folder()} has no room"
    return refusal("source", received, "a TMPDIR with room, or a smaller image_size")


def _runs(rows: Rows) -> Iterator[tuple[int, int]]:
    """Yield the place and the length of each run of consecutive row numbers."""
    breaks = np.flatnonzero(np.diff(rows) != 1) + 1
    starts = [0, *breaks.tolist()] if len(rows) else []
    for start, stop in zip(starts, [*starts[1:], len(rows)], strict=False):
        yield start, stop - start


class RowsOnDisk:
    """Some rows of a file, used like an array (N, …): indexing reads them into memory.

    Args:
        file: the file.
        rows: (N,) numbers of its rows, in any order.
        prepare: applied to what is read, such as a normalisation; it keeps shapes.
        dtype: type of the values after `prepare`.
    """

    def __init__(
        self,
        file: RowFile,
        rows: Rows,
        prepare: Callable[[Array], Array] | None = None,
        dtype: Any = None,
    ) -> None:
        self._file, self._rows, self._prepare = file, rows, prepare
        self.dtype = np.dtype(dtype or file.dtype)
        self.shape = (len(rows), *file.shape[1:])
        self.ndim, self.size = len(self.shape), int(np.prod(self.shape, dtype=np.int64))
        self.nbytes = self.size * self.dtype.itemsize

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._rows)

    def __getitem__(self, chosen: Any) -> Array:
        """Read one row, by its number, or some, by a slice or an array of numbers."""
        single = np.ndim(chosen) == 0 and not isinstance(chosen, slice)
        found = self._file.read(np.atleast_1d(self._rows[chosen]))
        found = found if self._prepare is None else self._prepare(found)
        return found[0] if single else found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """Read all rows, for code that can't do with less."""
        return np.asarray(self[:], dtype)

    def take(self, rows: Any) -> RowsOnDisk:
        """Return some of the rows without reading them."""
        return RowsOnDisk(self._file, self._rows[rows], self._prepare, self.dtype)

    def prepared(self, prepare: Callable[[Array], Array], dtype: Any) -> RowsOnDisk:
        """Return the same rows, to which a function is applied as they are read."""
        return RowsOnDisk(self._file, self._rows, prepare, dtype)

    def joined(self, other: RowsOnDisk) -> RowsOnDisk:
        """Return these rows and others of the same file, without reading them."""
        assert other._file is self._file
        return RowsOnDisk(self._file, np.concatenate((self._rows, other._rows)))

    def blocks(self) -> Iterator[Array]:
        """Yield all rows, in order, as many at a time as fit into a block."""
        step = max(1, BLOCK_BYTES * len(self) // max(1, self.nbytes))
        return (self[start : start + step] for start in range(0, len(self), step))

    def min(self) -> Any:
        """Return the smallest value."""
        return min(block.min() for block in self.blocks())

    def max(self) -> Any:
        """Return the largest value."""
        return max(block.max() for block in self.blocks())
