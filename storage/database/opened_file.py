"""The file of a SQLite database, as it was when it was opened.

It may be deleted, moved, replaced or overwritten meanwhile: a process that has it open could write
on, into a file that nobody else will ever read, or into a mixture of two.
"""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass
class OpenedFile:
    """A file at a path, by its device and number.

    Attributes:
        path: absolute, as a program may change its working directory.
        number: device and inode.
        size: bytes, the most so far. SQLite lets a file that is in use grow only, unless somebody
            compacts it; an older copy that is written over it makes it shorter.
    """

    path: str
    number: tuple[int, int]
    size: int

    @classmethod
    def at(cls, path: Path) -> "OpenedFile | None":
        """Return the file at a path; None if there is none yet."""
        found = _stat(str(path))
        return None if found is None else cls(os.path.abspath(path), *_told(found))

    def is_there(self) -> bool:
        """Return True if the same file lies at the path now, and has not become shorter."""
        found = _stat(self.path)
        if found is None:
            return False
        number, size = _told(found)
        shorter, self.size = size < self.size, max(size, self.size)
        return number == self.number and not shorter


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except OSError:
        return None


def _told(found: os.stat_result) -> tuple[tuple[int, int], int]:
    return (found.st_dev, found.st_ino), found.st_size
