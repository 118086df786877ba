"""Files that are replaced atomically: a reader sees all of the old content or all of the new.

The content is written to a temporary file in the same folder, which is renamed at the end.
"""

import contextlib
import errno
import hashlib
import os
import stat
import uuid
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

from studyhall.storage.database import private_files
from studyhall.storage.database.urls import StorageError

_UNFINISHED = ".unfinished-"
LINK = "is a symbolic link, which is not followed here"
_FORGOTTEN_S = 1800.0  # a temporary file that has not grown for so long has lost its writer


class ArtifactError(StorageError):
    """The error for a file that cannot be written or read; one line with its path and why."""


def write_whole(
    path: Path,
    data: bytes,
    *,
    durable: bool = False,
    follow: bool = True,
    private: bool = True,
) -> None:
    """Write or replace a file, so that a reader never sees half of the content.

    Args:
        path: the file to write or replace.
        data: its content.
        durable: flush it to disk, so that it survives a power failure; costs some milliseconds.
        follow, private: as for `replacing`.

    Raises:
        ArtifactError: the disk is full, or the folder is gone or read-only.
    """
    with replacing(path, durable=durable, follow=follow, private=private) as unfinished:
        unfinished.write_bytes(data)


@contextlib.contextmanager
def replacing(
    path: Path, *, durable: bool = False, follow: bool = True, private: bool = True
) -> Iterator[Path]:
    """Yield a temporary path in the same folder, with the same suffix; rename it at the end.

    The file is there, empty; it keeps the mode of one that it replaces. A device or a pipe must not
    be replaced: there `path` itself is yielded.

    Args:
        path: the file to write or replace.
        durable: flush it to disk, so that it survives a power failure.
        follow: where `path` is a symbolic link, replace the file that it points to, as users mean
            it; False: replace the link itself, as in a folder that others may write to.
        private: let only its owner read it, see `private_files`; False: as the umask says.

    Raises:
        ArtifactError: the disk is full, or the folder is gone or read-only; no temporary file is
            left behind.
    """
    with reported(path):
        if follow:
            if _is_special(path):
                yield path
                return
            path = Path(os.path.realpath(path))
        unfinished = path.with_name(f"{_UNFINISHED}{uuid.uuid4().hex}-{path.name}")
        private_files.create(unfinished, like=path, private=private)
        try:
            yield unfinished
            if durable:
                _flush(unfinished)
            unfinished.replace(path)
            if durable:
                _flush(path.parent)
        finally:
            unfinished.unlink(missing_ok=True)


@contextlib.contextmanager
def reported(path: Path) -> Iterator[None]:
    """Raise an ArtifactError that names the path, in place of the operating system's error."""
    try:
        yield
    except OSError as error:
        raise ArtifactError(f"{path}: {error.strerror or error}") from error


@contextlib.contextmanager
def opened(path: Path) -> Iterator[BufferedReader]:
    """Yield an open file of a folder that others may write to: no link, pipe or device.

    Raises:
        FileNotFoundError: there is no such file.
        ArtifactError: it can't be read, or is not a regular file.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except OSError as error:
        said = LINK if error.errno == errno.ELOOP else error.strerror
        raise ArtifactError(f"{path}: {said}") from error
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ArtifactError(f"{path}: is no regular file")
        yield file


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file that `opened` opens, as 64 hexadecimal digits.

    Raises:
        FileNotFoundError, ArtifactError: as `opened`.
    """
    with opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_within(root: Path, folder: Path) -> None:
    """Create a folder below another one, if it is missing; no part of the way may be a link.

    Raises:
        ArtifactError: it can't be created, or a part of the way is a symbolic link.
    """
    for part in [*reversed(folder.relative_to(root).parents), folder.relative_to(root)]:
        with reported(root / part):
            private_files.make_folder(root / part)
        if part.name and (root / part).is_symlink():
            raise ArtifactError(f"{root / part}: {LINK}")


def sweep(folder: Path, own: str = "") -> None:
    """Remove the temporary files of writers that were killed.

    Others' temporary files are removed once they are half an hour old, by the file system's clock.

    Args:
        folder: the folder to sweep, without its subfolders.
        own: a prefix of names that only the caller writes; temporary files for these names are
            removed at once.
    """
    unfinished = [*folder.glob(f"{_UNFINISHED}*")]
    ours = {path for path in unfinished if own and _intended(path.name).startswith(own)}
    now = clock(folder) if len(ours) < len(unfinished) else None
    for path in unfinished:
        with contextlib.suppress(OSError):
            if path in ours or (now is not None and now - path.lstat().st_mtime > _FORGOTTEN_S):
                path.unlink()


def clock(folder: Path) -> float | None:
    """Return the time by the clock that dates a folder's files, in epoch seconds.

    Another machine may keep them, whose clock is not this one's. It is asked by a new, empty file.

    Returns:
        None if no file can be written there.
    """
    asked = folder / f"{_UNFINISHED}{uuid.uuid4().hex}-clock"
    try:
        asked.touch(exist_ok=False)
        return asked.stat().st_mtime
    except OSError:
        return None
    finally:
        with contextlib.suppress(OSError):
            asked.unlink()


def _is_special(path: Path) -> bool:
    """Tell whether a path is a device, a pipe or the like, which must be written to directly.

    Raises:
        IsADirectoryError: the path is a folder.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    # By name too: /dev/stdout looks like a regular file when output is redirected to one.
    by_name = path.is_absolute() and path.parts[1] in ("dev", "proc")
    return path.exists() and (by_name or not path.is_file())


def _flush(path: Path) -> None:
    # A folder is flushed as well as a file: only then does a rename in it survive a power failure.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _intended(unfinished: str) -> str:
    """Return the final name of a file, from that of its temporary file."""
    return unfinished[len(_UNFINISHED) + 33 :]  # 32 digits and a dash
