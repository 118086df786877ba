"""The modes of files and folders that studyhall creates: its user alone can read them.

In a folder that a group shares, the group can read and write what is created too. Such a folder is
writable for its group and passes the group on: ``chmod g+ws``. A stricter umask is respected, and
the modes of what is already there are left as they are.
"""

import contextlib
import os
import stat
from pathlib import Path

FILE, FOLDER, PUBLIC = 0o600, 0o700, 0o666
_SHARED = stat.S_IWGRP | stat.S_ISGID


def opener(path: str, flags: int) -> int:
    """Open or create a file for `open(…, opener=…)`; no link, which could lead to any file."""
    return os.open(path, flags | os.O_NOFOLLOW, _mode(FILE, Path(path).parent))


def create(path: Path, *, like: Path | None = None, private: bool = True) -> None:
    """Create an empty file, unless it is there.

    Args:
        path: the file.
        like: a file that it will replace: it gets its mode, if there is one.
        private: False for what others are to read, such as study files: the umask alone counts.

    Raises:
        OSError: it can't be created.
    """
    with contextlib.suppress(FileExistsError):
        mode = _mode(FILE, path.parent) if private else PUBLIC
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with contextlib.closing(os.fdopen(descriptor, "wb")), contextlib.suppress(OSError):
            if like is not None and stat.S_ISREG(found := os.lstat(like).st_mode):
                os.fchmod(descriptor, found & 0o777)


def make_folder(path: Path, *, exist_ok: bool = True) -> None:
    """Create a folder and the missing ones above it.

    Raises:
        OSError: it can't be created, or is there though it may not be.
    """
    if not path.parent.exists():
        make_folder(path.parent)
    try:
        path.mkdir(_mode(FOLDER, path.parent))
    except FileExistsError:
        if not exist_ok or not path.is_dir():
            raise


def settle(made: Path, target: Path) -> None:
    """Give what another library has written the modes that it will have at its place.

    Args:
        made: a file, or a folder with all that is in it.
        target: the place; the mode of a file that is there is kept.
    """
    if target.is_file():
        made.chmod(stat.S_IMODE(target.stat().st_mode))
        return
    allowed = _mode(FOLDER, target.parent) | stat.S_ISGID
    for path in (made, *made.rglob("*")):
        path.chmod(stat.S_IMODE(path.stat().st_mode) & allowed)


def _mode(own: int, folder: Path) -> int:
    """Return the mode for what is created in a folder, before the umask is applied."""
    try:
        shared = folder.stat().st_mode & _SHARED == _SHARED
    except OSError:  # whoever creates it there will see why
        return own
    return own | own >> 3 if shared else own
