"""Where a database is: its URL read, shown without the password, refused if it can't work.

SQLite's write-ahead log needs memory that all its processes share and file locks that hold
(sqlite.org/wal.html), which file systems over a network do not give.
"""

import contextlib
import os
import re
import sqlite3
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import sqlalchemy as sa

DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}
_PLAIN_FILE = re.compile(r"sqlite:///(?P<file>[\w./ +~-]+)", re.ASCII)  # reads as it is written
_NETWORK = {
    "9p", "afs", "beegfs", "ceph", "cifs", "davfs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs",
    "nfs4", "ocfs2", "orangefs", "smb2", "smb3", "smbfs", "fuse.ceph", "fuse.davfs2",
    "fuse.gcsfuse", "fuse.glusterfs", "fuse.juicefs", "fuse.mfs", "fuse.rclone", "fuse.s3fs",
    "fuse.sshfs",
}  # fmt: skip


class StorageError(RuntimeError):
    """The database cannot be used; the message says which one and why, in one line."""


class StorageAway(StorageError):  # noqa: N818 - it will be back
    """The database has been out of reach for as long as the caller was willing to wait."""


@dataclass(frozen=True)
class Address:
    """Where a database is.

    Attributes:
        text: its URL, with the password.
        kind: whose it is.
        file: SQLite's; None for a server, and where the URL holds options.
    """

    text: str
    kind: Literal["sqlite", "postgresql"]
    file: Path | None = None

    @cached_property
    def url(self) -> "sa.URL":
        """As SQLAlchemy reads it."""
        return parse(self.text)


def address(url: str) -> Address:
    """Reads a URL, that of a plain file without SQLAlchemy, whose import takes longest of all.

    Raises:
        StorageError: as `parse`.
    """
    plain = file_of(url)
    if plain is not None:
        return Address(url, "sqlite", plain)
    parsed = parse(url)
    if parsed.get_backend_name() == "postgresql":
        return Address(url, "postgresql")
    return Address(url, "sqlite", None if parsed.query else Path(parsed.database or ""))


def file_of(url: str) -> Path | None:
    """SQLite's file, where a URL says no more than that and says it plainly."""
    plain = _PLAIN_FILE.fullmatch(url)
    return None if plain is None else Path(plain["file"])


def default_url() -> str:
    """Where studies live unless the user says otherwise."""
    return os.environ.get("STUDYHALL_STORAGE") or "sqlite:///studyhall.db"


def shown(url: "str | sa.URL") -> str:
    """The URL as it may be printed: without its password.

    Examples:
        >>> shown("postgresql://ann:secret@host/db")
        'postgresql://ann:***@host/db'
    """
    if isinstance(url, str) and file_of(url) is not None:
        return url
    import sqlalchemy as sa

    try:
        return _plain(sa.make_url(url).render_as_string(hide_password=True))
    except (sa.exc.ArgumentError, ValueError):
        return re.sub(r":[^:/@]*@", ":***@", str(url))


def parse(url: str) -> "sa.URL":
    """Reads a URL and names the driver.

    Raises:
        StorageError: it is none, or leads to neither SQLite nor PostgreSQL.
    """
    import sqlalchemy as sa

    expected = "expected sqlite:///file or postgresql://user@host/name"
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError) as error:
        raise StorageError(f"storage: received {shown(url)!r}, {expected}") from error
    if parsed.get_backend_name() == "postgresql":
        return parsed.set(drivername=DRIVERS["postgresql"])
    if parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return parsed.set(drivername=DRIVERS["sqlite"])
    raise StorageError(f"storage: received {shown(url)!r}, {expected}")


def check_file(address: Address, create: bool) -> None:
    """Checks that SQLite can work with the file.

    Raises:
        StorageError: it can't, with the reason.
    """
    path = address.file or Path(address.url.database or "")
    if sqlite3.sqlite_version_info < (3, 35):
        raise StorageError(f"SQLite {sqlite3.sqlite_version} is too old: 3.35 or later is needed")
    if not path.exists() and not create:
        raise StorageError(
            f"{shown(address.text)}: there is no such file; the first launch makes it"
            " (--storage or STUDYHALL_STORAGE name another)"
        )
    if not path.parent.is_dir():
        raise StorageError(f"{shown(address.text)}: there is no folder {path.parent}")
    if not os.access(path.parent, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        raise StorageError(f"{shown(address.text)}: the folder {path.parent} cannot be written to")
    if is_network(kind := file_system(path)):
        raise StorageError(
            f"{shown(address.text)}: lies on a network file system ({kind}), on which SQLite loses "
            "data with several workers: use postgresql://, or move it to a local disk"
        )


def _plain(text: str) -> str:
    return text.replace("postgresql+psycopg://", "postgresql://")


def file_system(path: Path) -> str | None:
    """The type of the file system that `path` lies on, None where there is no list of mounts.

    Args:
        path: a file or folder, there or not; links are followed.
    """
    import psutil

    with contextlib.suppress(OSError):
        real = Path(os.path.realpath(path))
        mounts = psutil.disk_partitions(all=True)
        holding = [mount for mount in mounts if real.is_relative_to(mount.mountpoint)]
        # Of the deepest mount points the last one mounted hides the others.
        deepest = max(enumerate(holding), key=lambda m: (len(m[1].mountpoint), m[0]), default=None)
        return None if deepest is None else str(deepest[1].fstype)
    return None


def is_network(kind: str | None) -> bool:
    """Whether a file system of this type is reached over a network."""
    return kind in _NETWORK
