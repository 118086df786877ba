"""The URL of a database: parse it, show it without the password, refuse it if it can't work.

SQLite's write-ahead log needs memory shared by all its processes and reliable file locks
(sqlite.org/wal.html), which network file systems do not offer.
"""

import contextlib
import os
import re
import sqlite3
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import sqlalchemy as sa

DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}
# A URL without options and escapes, which needs no parser.
_PLAIN_FILE = re.compile(r"sqlite:///(?P<file>[\w./ +~-]+)", re.ASCII)
# What libpq takes in a query and shows to nobody (libpq-connect, "dispchar").
SECRETS = (
    "password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key",
)  # fmt: skip
_IN_QUERY = re.compile(rf"([?&](?:{'|'.join(SECRETS)})=)[^&#]*", re.IGNORECASE)
_EFFECTIVE = os.access in os.supports_effective_ids
_NETWORK = {
    "9p", "afs", "beegfs", "ceph", "cifs", "davfs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs",
    "nfs4", "ocfs2", "orangefs", "smb2", "smb3", "smbfs", "fuse.ceph", "fuse.davfs2",
    "fuse.gcsfuse", "fuse.glusterfs", "fuse.juicefs", "fuse.mfs", "fuse.rclone", "fuse.s3fs",
    "fuse.sshfs",
}  # fmt: skip


class StorageError(RuntimeError):
    """The error for a database that cannot be used; one line with its URL and the reason."""


class StorageAway(StorageError):  # noqa: N818 - a state that passes, not a failure
    """The error for a database that stayed unreachable for as long as the caller would wait."""


class StorageFull(StorageAway):
    """The error for a database whose disk stayed full for as long as the caller would wait."""


class StorageReplaced(StorageError):  # noqa: N818
    """The error for a database that became another one, or an older one, while it was in use."""


@dataclass(frozen=True)
class Address:
    """The address of a database.

    Attributes:
        text: its URL, with the password.
        kind: "sqlite" or "postgresql".
        file: the SQLite file; None for a server, or if the URL has options.
    """

    text: str
    kind: Literal["sqlite", "postgresql"]
    file: Path | None = None

    @cached_property
    def url(self) -> "sa.URL":
        """The URL, as SQLAlchemy's object."""
        return parse(self.text)


def address(url: str) -> Address:
    """Parse a URL; that of a plain SQLite file without SQLAlchemy, whose import is slow.

    Raises:
        StorageError: the URL is not valid, or is of neither SQLite nor PostgreSQL.
    """
    plain = file_of(url)
    if plain is not None:
        return Address(url, "sqlite", plain)
    parsed = parse(url)
    if parsed.get_backend_name() == "postgresql":
        return Address(url, "postgresql")
    return Address(url, "sqlite", None if parsed.query else Path(parsed.database or ""))


def file_of(url: str) -> Path | None:
    """Return the file of a SQLite URL without options and escapes; None for any other URL."""
    plain = _PLAIN_FILE.fullmatch(url)
    return None if plain is None else Path(plain["file"])


def default_url() -> str:
    """Return the URL of the default database: $STUDYHALL_STORAGE or sqlite:///studyhall.db."""
    return os.environ.get("STUDYHALL_STORAGE") or "sqlite:///studyhall.db"


def storage_option(url: str) -> str:
    """Return the option that a suggested command needs to find the same database."""
    default = default_url()
    here, there = file_of(url), file_of(default)
    same_file = here is not None and there is not None and here.absolute() == there.absolute()
    return "" if shown(url) == shown(default) or same_file else f" --storage {quote(shown(url))}"


def only_here(url: str) -> str:
    """Return why workers on other machines can't use a database; empty if they can."""
    if address(url).kind != "sqlite":
        return ""
    works = f"received the database {shown(url)}, which works on one machine only"
    return f"{works}, expected postgresql://user@host/name"


def shown(url: "str | sa.URL") -> str:
    """Return the URL for printing, with every secret masked, before the host and in the query.

    Examples:
        >>> shown("postgresql://ann:secret@host/db")
        'postgresql://ann:***@host/db'
        >>> shown("postgresql://host/db?user=ann&sslpassword=secret")
        'postgresql://host/db?user=ann&sslpassword=***'
    """
    if isinstance(url, str) and file_of(url) is not None:
        return url
    import sqlalchemy as sa

    try:
        text = _plain(sa.make_url(url).render_as_string(hide_password=True))
    except (sa.exc.ArgumentError, ValueError):
        text = re.sub(r":[^:/@]*@", ":***@", str(url))
    return _IN_QUERY.sub(r"\1***", text)


def parse(url: str) -> "sa.URL":
    """Parse a URL with SQLAlchemy and set the driver.

    Raises:
        StorageError: the URL is not valid, or is of neither SQLite nor PostgreSQL.
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
    """Check that SQLite can work with the file.

    Args:
        address: the address of a SQLite database.
        create: accept a file that does not exist yet.

    Raises:
        StorageError: it can't; the message says why.
    """
    try:
        _check_file(address, address.file or Path(address.url.database or ""), create)
    except PermissionError as error:
        raise StorageError(f"{shown(address.text)}: {error.strerror}: {error.filename}") from error


def _check_file(address: Address, path: Path, create: bool) -> None:
    if sqlite3.sqlite_version_info < (3, 35):  # the first with RETURNING
        raise StorageError(f"SQLite {sqlite3.sqlite_version} is too old: 3.35 or later is needed")
    if not create and path.is_file() and path.stat().st_size == 0:
        raise StorageError(
            f"{shown(address.text)}: the file is empty, which no database of studies is"
        )
    if not path.exists() and not create:
        raise StorageError(
            f"{shown(address.text)}: there is no such file; the first launch creates it"
            " (--storage or STUDYHALL_STORAGE selects another database)"
        )
    if path.exists() and not os.access(path, os.R_OK, effective_ids=_EFFECTIVE):
        raise StorageError(
            f"{shown(address.text)}: another account's file, which its folder doesn't let this one "
            "read (docs/explanation/security.md: a folder that a group shares)"
        )
    if not path.parent.is_dir():
        raise StorageError(f"{shown(address.text)}: there is no folder {path.parent}")
    if not os.access(path.parent, os.W_OK, effective_ids=_EFFECTIVE):
        raise StorageError(f"{shown(address.text)}: the folder {path.parent} cannot be written to")
    if is_network(kind := file_system(path)):
        raise StorageError(
            f"{shown(address.text)}: lies on a network file system ({kind}), where SQLite can lose "
            "data with several workers: use postgresql://, or move the file to a local disk"
        )


def _plain(text: str) -> str:
    return text.replace("postgresql+psycopg://", "postgresql://")


def file_system(path: Path) -> str | None:
    """Return the type of the file system that holds `path`; None if mounts can't be listed.

    Args:
        path: a file or folder, which need not exist; links are followed.
    """
    import psutil

    with contextlib.suppress(OSError):
        real = Path(os.path.realpath(path))
        mounts = psutil.disk_partitions(all=True)
        holding = [mount for mount in mounts if real.is_relative_to(mount.mountpoint)]
        # If several file systems are mounted at the deepest point, the last one hides the others.
        deepest = max(enumerate(holding), key=lambda m: (len(m[1].mountpoint), m[0]), default=None)
        return None if deepest is None else str(deepest[1].fstype)
    return None


def is_network(kind: str | None) -> bool:
    """Tell whether this is the type of a network file system, such as "nfs4"."""
    return kind in _NETWORK
