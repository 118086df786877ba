"""Every object that is too large for the database: checkpoints, models, figures.

Objects lie flat in one folder, which all machines of a study share, under names that say what
they are: `checkpoint-digits-7-4f2c….bin`. An object is written beside and renamed, so that it is
there as a whole or not at all, and never changes afterwards.
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
_FORGOTTEN_S = 1800.0  # nobody goes on with an object that has not grown for so long


class ArtifactError(StorageError):
    """An object cannot be written or read; the message says which one and why, in one line."""


@dataclass(frozen=True)
class StoredObject:
    """An object in the store."""

    name: str
    size: int  # bytes
    modified_at: float  # epoch seconds, by the file system's clock

    @property
    def kind(self) -> str:
        """What it is: "checkpoint", "model"; nothing if it is not a trial's object of ours."""
        found = _NAME.fullmatch(self.name)
        return found["kind"] if found else ""

    @property
    def trial(self) -> int | None:
        """The number of the trial whose it is."""
        found = _NAME.fullmatch(self.name)
        return int(found["trial"]) if found else None


def open_store(location: str | Path) -> "ArtifactStore":
    """Opens the folder of a study's objects, creating it if need be.

    Raises:
        ArtifactError: it is no folder, or cannot be written to.
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
    """The objects of one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, kind: str, owner: str, data: bytes, suffix: str = ".bin") -> str:
        """Writes a new object and returns its name.

        Args:
            kind: what it is: "checkpoint", "model", "figure".
            owner: whose it is: the study, or the study and the trial's number.
            data: its content.
            suffix: of its name.

        Raises:
            ArtifactError: the disk is full, or the folder is gone.
        """
        name = self.new_name(kind, owner, suffix)
        write_whole(self.root / name, data)
        return name

    def new_name(self, kind: str, owner: str, suffix: str = ".bin") -> str:
        """A name that no other object has, for one that is written through `replacing`."""
        return f"{start(kind, owner)}{uuid.uuid4().hex}{suffix}"

    def path(self, name: str) -> Path:
        """Where an object lies.

        Raises:
            ArtifactError: the name leads out of the folder.
        """
        if not name or Path(name).name != name or name.startswith("."):
            raise ArtifactError(f"artifacts: received {name!r}, expected the name of an object")
        return self.root / name

    def read(self, name: str) -> bytes:
        """An object's content.

        Raises:
            ArtifactError: there is no such object, or it cannot be read.
        """
        with _reported(self.path(name)):
            return self.path(name).read_bytes()

    def sha256(self, name: str) -> str:
        """An object's fingerprint, in hexadecimal."""
        with _reported(self.path(name)), self.path(name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def remove(self, name: str | None) -> None:
        """Removes an object; one that is not there needs no removing."""
        if name is not None:
            with _reported(self.path(name)):
                self.path(name).unlink(missing_ok=True)

    def objects(self) -> list[StoredObject]:
        """All objects, oldest first."""
        found = []
        with _reported(self.root):
            for entry in os.scandir(self.root):
                with contextlib.suppress(FileNotFoundError):  # removed by somebody else meanwhile
                    if entry.is_file() and not entry.name.startswith("."):
                        at = entry.stat()
                        found.append(StoredObject(entry.name, at.st_size, at.st_mtime))
        return sorted(found, key=lambda stored: (stored.modified_at, stored.name))

    def total_bytes(self) -> int:
        """What all files of the folder take, those in its subfolders too."""
        total = 0
        for folder, _, names in os.walk(self.root):
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    total += os.lstat(os.path.join(folder, name)).st_size
        return total

    def sweep(self, own: str = "") -> None:
        """Removes what writers that were killed have left unfinished.

        Args:
            own: how names begin whose one writer is the caller: nothing of them is under way.
        """
        for path in self.root.glob(f"{_UNFINISHED}*"):
            with contextlib.suppress(OSError):
                left = StoredObject(path.name, 0, path.stat().st_mtime)
                ours = bool(own) and _intended(path.name).startswith(own)
                if ours or time.time() - left.modified_at > _FORGOTTEN_S:
                    path.unlink()


def start(kind: str, owner: str) -> str:
    """How the names of all objects of that kind and owner begin."""
    return re.sub(r"[^\w.-]+", "_", f"{kind}-{owner}") + "-"


def _intended(unfinished: str) -> str:
    """The name that an unfinished object was to have."""
    return unfinished[len(_UNFINISHED) + 33 :]  # 32 digits and a dash


def write_whole(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Writes a file beside and renames it, so that a reader never sees half of it.

    Args:
        durable: whether it must survive a power failure, which costs some milliseconds.

    Raises:
        ArtifactError: the disk is full, or the folder is gone or read-only.
    """
    with replacing(path, durable=durable) as unfinished:
        unfinished.write_bytes(data)


@contextlib.contextmanager
def replacing(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """Gives a path beside to write to, with the same suffix, and renames it in the end.

    A link stays one. What is no file, such as a device or a pipe, is given itself: it must not be
    replaced.

    Raises:
        ArtifactError: the disk is full, or the folder is gone or read-only; nothing is left behind.
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
    """Whether it is there and no file of its own: another program writes to it or reads it."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    by_name = path.is_absolute() and path.parts[1] in ("dev", "proc")  # /dev/stdout, a file even
    return path.exists() and (by_name or not path.is_file())


def _flush(path: Path) -> None:
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
