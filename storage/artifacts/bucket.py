"""Objects in a bucket that any machine reaches: `s3://bucket/prefix`, by Optuna's own store.

An object is there as a whole or not at all, as S3 promises, and never changes afterwards. What is
written to or read from files goes through a folder of this machine's own. Endpoint and credentials
are boto3's: AWS_ENDPOINT_URL_S3, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, ~/.aws.
"""

import contextlib
import functools
import hashlib
import io
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from studyhall.storage.artifacts import artifact_store
from studyhall.storage.artifacts.artifact_store import ArtifactError, ArtifactStore, StoredObject

SCHEME = "s3://"
FOLDER = "studyhall-artifacts"  # below the working directory, beside objects that lie in folders
_PROBE = b"studyhall was here"
_ATTEMPTS = 5  # of each request, by boto3, with growing pauses
_TIMEOUT_S = 10.0  # to connect


def is_bucket(location: str | Path) -> bool:
    """Whether a location is one in a bucket."""
    return str(location).startswith(SCHEME)


def folder(location: str) -> Path:
    """The folder of this machine's own for what lies there."""
    if not is_bucket(location):
        return Path(location)
    return Path(FOLDER).resolve() / location.rstrip("/").rpartition("/")[2]


def open_store(location: str) -> ArtifactStore:
    """The objects of a study, in a folder or in a bucket.

    Raises:
        ArtifactError: it can't be used, or boto3 is missing.
    """
    local = artifact_store.open_store(folder(location))
    return BucketStore(location, local.root) if is_bucket(location) else local


def looking(location: str) -> ArtifactStore:
    """Likewise for those who only look: nothing is made, and what is missing is empty."""
    if is_bucket(location):
        return BucketStore(location, folder(location))
    return ArtifactStore(Path(location))


def remove_all(location: str) -> None:
    """Removes every object, and what lies in the folder besides.

    Raises:
        ArtifactError: the bucket can't be reached.
    """
    if is_bucket(location):
        store = looking(location)
        for stored in store.objects():
            store.remove(stored.name)
    shutil.rmtree(folder(location), ignore_errors=True)


def probe(location: str) -> None:
    """Writes, reads and removes an object.

    Raises:
        ArtifactError: one of these can't be done, with the reason.
    """
    store = BucketStore(location, Path())
    name = f"probe-{uuid.uuid4().hex}"
    store.put(name, io.BytesIO(_PROBE))
    if store.read(name) != _PROBE:
        raise ArtifactError(f"{location}: what was written does not come back")
    store.remove(name)


def put(store: ArtifactStore, name: str, data: bytes) -> None:
    """Writes an object of that name.

    Raises:
        ArtifactError: the disk is full, or the place can't be written to.
    """
    if isinstance(store, BucketStore):
        store.put(name, io.BytesIO(data))
    else:
        artifact_store.write_whole(store.path(name), data)


def shared(store: ArtifactStore, name: str) -> str:
    """Brings an object that was written at `store.path(name)` to where all machines find it."""
    if isinstance(store, BucketStore):
        with store.path(name).open("rb") as file:
            store.put(name, file)
        store.path(name).unlink()
    return name


def fetched(store: ArtifactStore, name: str) -> Path:
    """A file with an object's content, on this machine; it is not there if nobody has it.

    Raises:
        ArtifactError: the bucket can't be read.
    """
    path = store.path(name)
    if isinstance(store, BucketStore) and not path.exists():
        with contextlib.suppress(FileNotFoundError), store.opened(name) as content:
            artifact_store.write_whole(path, content.read())
    return path


class BucketStore(ArtifactStore):
    """The objects below one prefix of a bucket.

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
        """Writes a new object and returns its name."""
        name = self.new_name(kind, owner, suffix)
        self.put(name, io.BytesIO(data))
        return name

    def put(self, name: str, content: BinaryIO) -> None:
        """Writes an object of that name."""
        with self._reported():
            self._store.write(self._key(name), content)

    def read(self, name: str) -> bytes:
        """An object's content."""
        try:
            with self.opened(name) as content:
                return content.read()
        except FileNotFoundError as error:
            raise ArtifactError(f"{self.location}/{name}: there is no such object") from error

    @contextlib.contextmanager
    def opened(self, name: str) -> Iterator[BinaryIO]:
        """An object's content, to be read in parts.

        Raises:
            FileNotFoundError: there is no such object.
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
        """An object's fingerprint, in hexadecimal."""
        return hashlib.sha256(self.read(name)).hexdigest()

    def remove(self, name: str | None) -> None:
        """Removes an object; one that is not there needs no removing."""
        if name is not None:
            with self._reported():
                self._store.remove(self._key(name))
            with contextlib.suppress(OSError):
                self.path(name).unlink()

    def objects(self) -> list[StoredObject]:
        """All objects, oldest first."""
        with self._reported():
            pages = self._store.client.get_paginator("list_objects_v2").paginate(
                Bucket=self._store.bucket, Prefix=self._prefix
            )
            found = [self._stored(each) for page in pages for each in page.get("Contents", ())]
        return sorted(found, key=lambda stored: (stored.modified_at, stored.name))

    def total_bytes(self) -> int:
        """What all objects take."""
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
    """Optuna's store over a client that tries again, and gives up before a lease is lost."""
    try:
        import boto3
        from botocore.config import Config
    except ImportError as error:
        raise ArtifactError(
            "artifacts: s3:// needs boto3, expected: pip install 'studyhall[s3]'"
        ) from error
    from optuna.artifacts import Boto3ArtifactStore

    retries = {"max_attempts": _ATTEMPTS, "mode": "standard"}
    config = Config(retries=retries, connect_timeout=_TIMEOUT_S)
    client = boto3.session.Session().client("s3", config=config)
    return Boto3ArtifactStore(bucket, client)
