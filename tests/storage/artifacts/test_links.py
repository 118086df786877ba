"""Whoever can write into the folder of artifacts reaches nothing outside of it through a link."""

import os
from pathlib import Path

import pytest

from studyhall.storage.artifacts import artifact_store, atomic_files, bucket
from studyhall.storage.artifacts.artifact_store import ArtifactStore
from studyhall.storage.artifacts.atomic_files import ArtifactError
from studyhall.storage.database import private_files

SECRET = b"what lies elsewhere"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file outside of the folder."""
    path = tmp_path / "elsewhere" / "secret"
    path.parent.mkdir()
    path.write_bytes(SECRET)
    return path


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return artifact_store.open_store(tmp_path / "files")


def linked(store: ArtifactStore, target: Path, kind: str = "model") -> str:
    """The name of an object that is a link."""
    name = store.new_name(kind, "digits-0")
    store.path(name).symlink_to(target)
    return name


def test_a_link_is_no_object_and_is_not_read(store: ArtifactStore, secret: Path) -> None:
    name, own = linked(store, secret), store.write("model", "digits-1", b"x")
    assert [each.name for each in store.objects()] == [own]
    for read in (store.read, store.sha256, lambda name: bucket.fetched(store, name)):
        with pytest.raises(ArtifactError, match="symbolic link"):
            read(name)


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_neither_is_a_folder_or_a_pipe_whose_writer_never_comes(
    store: ArtifactStore, kind: str
) -> None:
    name = store.new_name("model", "digits-0")
    (os.mkfifo if kind == "pipe" else os.mkdir)(store.path(name))
    assert store.objects() == []
    with pytest.raises(ArtifactError):
        store.read(name)


def test_writing_replaces_the_link_and_removing_removes_it(
    store: ArtifactStore, secret: Path
) -> None:
    name = linked(store, secret)
    bucket.put(store, name, b"ours")
    assert (store.read(name), secret.read_bytes()) == (b"ours", SECRET)
    other = linked(store, secret)
    store.remove(other)
    old = store.root / f".unfinished-{'0' * 32}-x"
    old.symlink_to(secret)
    os.utime(old, (0, 0), follow_symlinks=False)
    store.sweep()
    assert secret.read_bytes() == SECRET
    assert [path.name for path in store.root.iterdir()] == [name]


def test_the_folder_itself_may_be_a_link_but_is_not_deleted_through_it(tmp_path: Path) -> None:
    disk, link = tmp_path / "disk", tmp_path / "link"
    disk.mkdir()
    link.symlink_to(disk)
    name = artifact_store.open_store(link).write("model", "digits-0", b"x")
    assert bucket.looking(str(link)).read(name) == b"x"
    with pytest.raises(ArtifactError, match="link: is a symbolic link"):
        bucket.remove_all(str(link))
    assert (disk / name).is_file()


def test_no_log_or_folder_is_written_through_a_link(store: ArtifactStore, secret: Path) -> None:
    (store.root / "logs").mkdir()
    (store.root / "logs" / "worker-1.log").symlink_to(secret)
    with (
        pytest.raises(OSError),
        open(store.root / "logs" / "worker-1.log", "ab", opener=private_files.opener),
    ):
        pass
    (store.root / "best").symlink_to(secret.parent)
    for folder in (store.root / "best", store.root / "best" / "deeper"):
        with pytest.raises(ArtifactError, match="best: is a symbolic link"):
            atomic_files.make_within(store.root, folder)
    assert [*secret.parent.iterdir()] == [secret] and secret.read_bytes() == SECRET
    atomic_files.make_within(store.root, store.root / "a" / "b")
    assert (store.root / "a" / "b").is_dir()
