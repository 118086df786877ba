"""The store of objects that are too large for the database: checkpoints, models, figures.

All objects of a study are files in one folder (without subfolders) that its machines share. A name
holds the kind, the study and the trial: `checkpoint-digits-7-4f2c….bin`. An object is written to
a temporary file, which is renamed: a reader sees all of it or nothing. It never changes afterwards.
"""

import contextlib
import errno
import hashlib
import os
import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from studyhall.storage.database.urls import StorageError

if TYPE_CHECKING:
    pass

_UNFINISHED = ".unfinished-"
_NAME = re.compile(
    r"(\.unfinished-[0-9a-f]{32}-)?(?P<kind>[a-z]+)-.+-(?P<trial>\d+)-[0-9a-f]{32}\.\w+"
)
_FORGOTTEN_S = 1800.0  # a temporary file that has not grown for so long has lost its writer


class ArtifactError(StorageError):
    """The error for an object that cannot be written or read; one line with its path and why."""


@dataclass(frozen=True)
class StoredObject:
    """An object in the store."""

    name: str
    size: int  # bytes
    modified_at: float  # epoch seconds, by the file system's clock

    @property
    def kind(self) -> str:
        """The kind, such as "checkpoint" or "model"; "" if the name is not that of an object."""
        found = _NAME.fullmatch(self.name)
        return found["kind"] if found else ""

    @property
    def trial(self) -> int | None:
        """The number of the trial that it belongs to; None if the name holds none."""
        found = _NAME.fullmatch(self.name)
        return int(found["trial"]) if found else None


def open_store(location: str | Path) -> "ArtifactStore":
    """Open the folder of a study's objects; create it if it is missing.

    Args:
        location: the folder, as a path or a `file://` URL.

    Raises:
        ArtifactError: the location is not a folder or cannot be written to.
    """
    root = Path(str(location).removeprefix("file://")).expanduser().resolve()
    if "://" in str(location).removeprefix("file://"):
        raise ArtifactError(f"artifacts: received {str(location)!r}, expected a folder")
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArtifactError(f"{root}: {error.strerror or error}") from error
    if not os.access(root, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        raise ArtifactError(f"{root}: this folder cannot be written to")
    store = ArtifactStore(root)
    store.sweep()
    return store


class ArtifactStore:
    """The objects in one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, kind: str, owner: str, data: bytes, suffix: str = ".bin") -> str:
        """Write a new object and return its name.

        Args:
            kind: "checkpoint", "model", "figure", …
            owner: the study's name, or the study's name and the trial's number: "digits-7".
            data: the content.
            suffix: the ending of the name.

        Raises:
            ArtifactError: the disk is full or the folder is gone.
        """
        name = self.new_name(kind, owner, suffix)
        write_whole(self.root / name, data)
        return name

    def new_name(self, kind: str, owner: str, suffix: str = ".bin") -> str:
        """Return a unique name, for an object that the caller writes through `replacing`."""
        return f"{start(kind, owner)}{uuid.uuid4().hex}{suffix}"

    def path(self, name: str) -> Path:
        """Return the path of an object, which need not exist.

        Raises:
            ArtifactError: the name would lead out of the folder.
        """
        if not name or Path(name).name != name or name.startswith("."):
            raise ArtifactError(f"artifacts: received {name!r}, expected the name of an object")
        return self.root / name

    def read(self, name: str) -> bytes:
        """Return an object's content.

        Raises:
            ArtifactError: there is no such object, or it cannot be read.
        """
        with _reported(self.path(name)):
            return self.path(name).read_bytes()

    def sha256(self, name: str) -> str:
        """Return the SHA-256 of an object's content, as 64 hexadecimal digits.

        Raises:
            ArtifactError: there is no such object, or it cannot be read.
        """
        with _reported(self.path(name)), self.path(name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def remove(self, name: str | None) -> None:
        """Remove an object; do nothing if there is none of that name, or the name is None."""
        if name is not None:
            with _reported(self.path(name)):
                self.path(name).unlink(missing_ok=True)

    def objects(self) -> list[StoredObject]:
        """Return all objects, oldest first."""
        found = []
        with _reported(self.root):
            for entry in os.scandir(self.root):
                with contextlib.suppress(FileNotFoundError):  # another process has removed it
                    if entry.is_file() and not entry.name.startswith("."):
                        at = entry.stat()
                        found.append(StoredObject(entry.name, at.st_size, at.st_mtime))
        return sorted(found, key=lambda stored: (stored.modified_at, stored.name))

    def total_bytes(self) -> int:
        """Return the size of all files in the folder and its subfolders, in bytes."""
        total = 0
        for folder, _, names in os.walk(self.root):
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    total += os.lstat(os.path.join(folder, name)).st_size
        return total

    def sweep(self, own: str = "") -> None:
        """Remove the temporary files of writers that were killed.

        Others' temporary files are removed once they are half an hour old.

        Args:
            own: a prefix of names that only the caller writes, see `start`; their temporary files
                are removed at once.
        """
        for path in self.root.glob(f"{_UNFINISHED}*"):
            with contextlib.suppress(OSError):
                left = StoredObject(path.name, 0, path.stat().st_mtime)
                ours = bool(own) and _intended(path.name).startswith(own)
                if ours or time.time() - left.modified_at > _FORGOTTEN_S:
                    path.unlink()


def start(kind: str, owner: str) -> str:
    """Return the prefix of the names of all objects of that kind and owner."""
    return re.sub(r"[^\w.-]+", "_", f"{kind}-{owner}") + "-"


def _intended(unfinished: str) -> str:
    """Return the final name of an object, from the name of its temporary file."""
    return unfinished[len(_UNFINISHED) + 33 :]  # 32 digits and a dash


def write_whole(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Write a temporary file and rename it, so that a reader never sees half of the content.

    Args:
        path: the file to write or replace.
        data: its content.
        durable: flush it to disk, so that it survives a power failure; costs some milliseconds.

    Raises:
        ArtifactError: the disk is full, or the folder is gone or read-only.
    """
    with replacing(path, durable=durable) as unfinished:
        unfinished.write_bytes(data)


@contextlib.contextmanager
def replacing(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """Yield a temporary path in the same folder, with the same suffix; rename it at the end.

    Where `path` is a symbolic link, the file that it points to is replaced. A device or a pipe
    must not be replaced: there `path` itself is yielded.

    Args:
        path: the file to write or replace.
        durable: flush it to disk, so that it survives a power failure.

    Raises:
        ArtifactError: the disk is full, or the folder is gone or read-only; no temporary file is
            left behind.
    """
    with _reported(path):
        if _is_special(path):
            yield path
            return
        path = Path(os.path.realpath(path))
        unfinished = path.with_name(f"{_UNFINISHED}{uuid.uuid4().hex}-{path.name}")
        try:
            yield unfinished
            if durable:
                _flush(unfinished)
            unfinished.replace(path)
            if durable:
                _flush(path.parent)
        finally:
            unfinished.unlink(missing_ok=True)


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


@contextlib.contextmanager
def _reported(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ArtifactError(f"{path}: {error.strerror or error}") from error
