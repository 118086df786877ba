"""The file of a SQLite database, as it was when it was opened.

It may be deleted, moved or replaced meanwhile: a process that has it open could write on, into a
file that nobody else will ever read.
"""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class OpenedFile:
    """A file at a path, by its device and number.

    Attributes:
        path: absolute, as a program may change its working directory.
        number: device and inode.
    """

    path: str
    number: tuple[int, int]

    @classmethod
    def at(cls, path: Path) -> "OpenedFile | None":
        """Return the file at a path; None if there is none yet."""
        number = _number(str(path))
        return None if number is None else cls(os.path.abspath(path), number)

    def is_there(self) -> bool:
        """Return True if the same file lies at the path now."""
        return _number(self.path) == self.number


def _number(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
