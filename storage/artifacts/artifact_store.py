"""The store of objects that are too large for the database: checkpoints, models, figures.

All objects of a study are files in one folder (without subfolders) that its machines share; the
folder may be a symbolic link, but links in it are not followed. A name holds the kind, the study
and the trial: `checkpoint-digits-7-4f2c….bin`. An object is written to a temporary file, which is
renamed: a reader sees all of it or nothing. It never changes afterwards.
"""

import contextlib
import os
import re
import uuid
from dataclasses import dataclass
from pathlib import Path

from studyhall.storage.artifacts import atomic_files
from studyhall.storage.artifacts.atomic_files import ArtifactError, reported
from studyhall.storage.database import private_files

_NAME = re.compile(r"(?P<kind>[a-z]+)-.+-(?P<trial>\d+)-[0-9a-f]{32}\.\w+")


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
        private_files.make_folder(root)
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
        atomic_files.write_whole(self.root / name, data, follow=False)
        return name

    def new_name(self, kind: str, owner: str, suffix: str = ".bin") -> str:
        """Return a unique name, for an object that is written by `atomic_files.replacing`."""
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
        with reported(self.path(name)), atomic_files.opened(self.path(name)) as file:
            return file.read()

    def sha256(self, name: str) -> str:
        """Return the SHA-256 of an object's content, as 64 hexadecimal digits.

        Raises:
            ArtifactError: there is no such object, or it cannot be read.
        """
        with reported(self.path(name)):
            return atomic_files.sha256(self.path(name))

    def remove(self, name: str | None) -> None:
        """Remove an object; do nothing if there is none of that name, or the name is None."""
        if name is not None:
            with reported(self.path(name)):
                self.path(name).unlink(missing_ok=True)

    def objects(self) -> list[StoredObject]:
        """Return all objects, oldest first; symbolic links are none."""
        found = []
        with reported(self.root):
            for entry in os.scandir(self.root):
                with contextlib.suppress(FileNotFoundError):  # another process has removed it
                    regular = entry.is_file(follow_symlinks=False)
                    if regular and not entry.name.startswith("."):
                        at = entry.stat(follow_symlinks=False)
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

    def clock(self) -> float | None:
        """Return the time by the clock that dates the objects, in epoch seconds.

        Returns:
            None if it can't be told, as on a full disk.
        """
        return atomic_files.clock(self.root)

    def sweep(self, own: str = "") -> None:
        """Remove the temporary files of writers that were killed.

        Others' temporary files are removed once they are half an hour old.

        Args:
            own: a prefix of names that only the caller writes, see `start`; their temporary files
                are removed at once.
        """
        atomic_files.sweep(self.root, own)


def start(kind: str, owner: str) -> str:
    """Return the prefix of the names of all objects of that kind and owner."""
    return re.sub(r"[^\w.-]+", "_", f"{kind}-{owner}") + "-"
