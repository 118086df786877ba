"""The store of objects in a bucket, `s3://bucket/prefix`, through Optuna's `Boto3ArtifactStore`.

S3 makes an object visible as a whole or not at all; it never changes afterwards. Objects that must
be files, to be written or read, pass through a local folder of this machine. boto3 finds endpoint
and credentials: AWS_ENDPOINT_URL_S3, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, ~/.aws.
"""

import contextlib
import functools
import hashlib
import io
import shutil
import uuid
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from studyhall.storage.artifacts import artifact_store, atomic_files
from studyhall.storage.artifacts.artifact_store import ArtifactStore, StoredObject
from studyhall.storage.artifacts.atomic_files import ArtifactError

SCHEME = "s3://"
FOLDER = "studyhall-artifacts"  # in the working directory; studies without a bucket use it too
_PROBE = b"studyhall was here"
_ATTEMPTS = 5  # of boto3 at each request, with growing pauses
_TIMEOUT_S = 10.0  # to connect


def is_bucket(location: str | Path) -> bool:
    """Tell whether a location is in a bucket."""
    return str(location).startswith(SCHEME)


def folder(location: str) -> Path:
    """Return the local folder for a location: the location itself, or the one used for a bucket."""
    if not is_bucket(location):
        return Path(location)
    return Path(FOLDER).resolve() / location.rstrip("/").rpartition("/")[2]


def open_store(location: str) -> ArtifactStore:
    """Open the store of a study's objects, a folder or a bucket; create the local folder.

    Raises:
        ArtifactError: the location can't be used, or boto3 is missing.
    """
    local = artifact_store.open_store(folder(location))
    return BucketStore(location, local.root) if is_bucket(location) else local


def looking(location: str) -> ArtifactStore:
    """Open the store for reading only: create no folder; a missing one counts as empty.

    Raises:
        ArtifactError: boto3 is missing.
    """
    if is_bucket(location):
        return BucketStore(location, folder(location))
    return ArtifactStore(Path(location))


def remove_all(location: str) -> None:
    """Remove every object, and the local folder with everything in it.

    Raises:
        ArtifactError: the bucket can't be reached, or the folder is a symbolic link: what it points
            to is left.
    """
    if is_bucket(location):
        store = looking(location)
        for stored in store.objects():
            store.remove(stored.name)
    if folder(location).is_symlink():
        raise ArtifactError(f"{folder(location)}: {atomic_files.LINK}; its files are left")
    shutil.rmtree(folder(location), ignore_errors=True)


def probe(location: str) -> None:
    """Check a bucket: write, read and remove an object.

    Raises:
        ArtifactError: one of these fails; the message says why.
    """
    store = BucketStore(location, Path())
    name = f"probe-{uuid.uuid4().hex}"
    store.put(name, io.BytesIO(_PROBE))
    if store.read(name) != _PROBE:
        raise ArtifactError(f"{location}: an object reads back with other content than was written")
    store.remove(name)


def put(store: ArtifactStore, name: str, data: bytes) -> None:
    """Write an object of that name.

    Raises:
        ArtifactError: the disk is full, or the folder or bucket can't be written to.
    """
    if isinstance(store, BucketStore):
        store.put(name, io.BytesIO(data))
    else:
        atomic_files.write_whole(store.path(name), data, follow=False)


def shared(store: ArtifactStore, name: str) -> str:
    """Upload an object that was written at `store.path(name)`, if the store is a bucket.

    The local file is removed then.

    Returns:
        The object's name.

    Raises:
        ArtifactError: the bucket can't be written to.
    """
    if isinstance(store, BucketStore):
        with atomic_files.opened(store.path(name)) as file:
            store.put(name, file)
        store.path(name).unlink()
    return name


def fetched(store: ArtifactStore, name: str) -> Path:
    """Return a local path with an object's content, downloading it if need be.

    No file exists at that path if there is no such object.

    Raises:
        ArtifactError: the bucket can't be read, or a symbolic link lies at that path.
    """
    path = store.path(name)
    if isinstance(store, BucketStore) and not path.exists():
        with contextlib.suppress(FileNotFoundError), store.opened(name) as content:
            atomic_files.write_whole(path, content.read(), follow=False)
    if path.is_symlink():
        raise ArtifactError(f"{path}: {atomic_files.LINK}")
    return path


class BucketStore(ArtifactStore):
    """The objects below one prefix of a bucket.

    Args:
        location: `s3://bucket/prefix`.
        root: the local folder for objects that must be files.

    Raises:
        ArtifactError: boto3 is missing, or the location names no bucket.
    """

    def __init__(self, location: str, root: Path) -> None:
        super().__init__(root)
        parts = urlsplit(location)
        if not parts.netloc:
            raise ArtifactError(f"artifacts: received {location!r}, expected s3://bucket/prefix")
        self.location = location.rstrip("/")
        self._prefix = f"{parts.path.strip('/')}/".lstrip("/")
        self._store = _optunas(parts.netloc)

    def write(self, kind: str, owner: str, data: bytes, suffix: str = ".bin") -> str:
        """Write a new object and return its name; see `ArtifactStore.write`."""
        name = self.new_name(kind, owner, suffix)
        self.put(name, io.BytesIO(data))
        return name

    def put(self, name: str, content: BinaryIO) -> None:
        """Upload an object under that name.

        Raises:
            ArtifactError: the bucket can't be written to.
        """
        with self._reported():
            self._store.write(self._key(name), content)

    def read(self, name: str) -> bytes:
        """Return an object's content.

        Raises:
            ArtifactError: there is no such object, or the bucket can't be read.
        """
        try:
            with self.opened(name) as content:
                return content.read()
        except FileNotFoundError as error:
            raise ArtifactError(f"{self.location}/{name}: there is no such object") from error

    @contextlib.contextmanager
    def opened(self, name: str) -> Iterator[BinaryIO]:
        """Yield an open stream of an object's content.

        Raises:
            FileNotFoundError: there is no such object.
            ArtifactError: the bucket can't be read.
        """
        from optuna.artifacts.exceptions import ArtifactNotFound

        with self._reported():
            try:
                content = self._store.open_reader(self._key(name))
            except ArtifactNotFound as error:
                raise FileNotFoundError(name) from error
            with contextlib.closing(content):
                yield content

    def sha256(self, name: str) -> str:
        """Return the SHA-256 of an object's content, as 64 hexadecimal digits."""
        return hashlib.sha256(self.read(name)).hexdigest()

    def remove(self, name: str | None) -> None:
        """Remove an object and its local copy; do nothing if there is none, or the name is None."""
        if name is not None:
            with self._reported():
                self._store.remove(self._key(name))
            with contextlib.suppress(OSError):
                self.path(name).unlink()

    def objects(self) -> list[StoredObject]:
        """Return all objects, oldest first."""
        with self._reported():
            pages = self._store.client.get_paginator("list_objects_v2").paginate(
                Bucket=self._store.bucket, Prefix=self._prefix
            )
            found = [self._stored(each) for page in pages for each in page.get("Contents", ())]
        return sorted(found, key=lambda stored: (stored.modified_at, stored.name))

    def clock(self) -> float | None:
        """Return the bucket's time, in epoch seconds."""
        with self._reported():
            asked = self._store.client.list_objects_v2(Bucket=self._store.bucket, MaxKeys=1)
        told = asked["ResponseMetadata"]["HTTPHeaders"].get("date")
        return None if told is None else parsedate_to_datetime(told).timestamp()

    def total_bytes(self) -> int:
        """Return the size of all objects, in bytes."""
        return sum(stored.size for stored in self.objects())

    def _key(self, name: str) -> str:
        return self._prefix + self.path(name).name

    def _stored(self, entry: dict[str, Any]) -> StoredObject:
        name = entry["Key"].removeprefix(self._prefix)
        return StoredObject(name, entry["Size"], entry["LastModified"].timestamp())

    @contextlib.contextmanager
    def _reported(self) -> Iterator[None]:
        from boto3.exceptions import S3UploadFailedError
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except (BotoCoreError, ClientError, S3UploadFailedError) as error:
            raise ArtifactError(f"{self.location}: {error}") from error


@functools.lru_cache
def _optunas(bucket: str) -> Any:
    """Return Optuna's store over a client that retries, but gives up before a lease is lost."""
    try:
        import boto3
        from botocore.config import Config
    except ImportError as error:
        raise ArtifactError(
            "artifacts: received s3://…, which needs boto3: pip install 'studyhall[s3]'"
        ) from error
    from optuna.artifacts import Boto3ArtifactStore

    retries = {"max_attempts": _ATTEMPTS, "mode": "standard"}
    config = Config(retries=retries, connect_timeout=_TIMEOUT_S)
    client = boto3.session.Session().client("s3", config=config)
    return Boto3ArtifactStore(bucket, client)
