"""What a worker prints, which goes to a log beside the models: a full disk must not end it."""

from __future__ import annotations

import errno
import io
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class LogFile(io.FileIO):
    """A file of which is lost what finds no room."""

    def write(self, data: ReadableBuffer) -> int:
        """Write, or drop where the disk is full; how many bytes are done with."""
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            return memoryview(data).nbytes


def outlive_a_full_disk() -> None:
    """Print through such files from now on."""
    sys.stdout, sys.stderr = _stream(sys.stdout.fileno()), _stream(sys.stderr.fileno())


def _stream(descriptor: int) -> io.TextIOWrapper:
    raw = LogFile(descriptor, "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", line_buffering=True
    )
