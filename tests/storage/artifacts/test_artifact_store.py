"""Objects that are there as a whole or not at all, on disks that fill up and under odd names."""

import hashlib
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from studyhall.storage.artifacts import artifact_store
from studyhall.storage.artifacts.artifact_store import ArtifactStore
from studyhall.storage.artifacts.atomic_files import ArtifactError


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return artifact_store.open_store(tmp_path / "artifacts")


def names(store: ArtifactStore) -> list[str]:
    """Everything that lies in the folder, unfinished objects too."""
    return sorted(os.listdir(store.root))


def aged(store: ArtifactStore, data: bytes, age_s: float) -> str:
    """Writes an object that is so old."""
    name = store.write("checkpoint", "study-1", data)
    then = time.time() - age_s
    os.utime(store.path(name), (then, then))
    return name


def test_object_is_read_as_it_was_written(store: ArtifactStore) -> None:
    data = os.urandom(100_000)
    name = store.write("checkpoint", "digits-7", data)
    assert store.read(name) == data
    assert store.sha256(name) == hashlib.sha256(data).hexdigest()
    assert names(store) == [name]
    assert name.startswith("checkpoint-digits-7-")
    assert name.endswith(".bin")


def test_equal_objects_get_names_of_their_own(store: ArtifactStore) -> None:
    assert len({store.write("model", "study", b"same", ".keras") for _ in range(20)}) == 20


@pytest.mark.parametrize("owner", ["../../etc/passwd", "a/b", "nul\0", "two words\n", "ä😀", ".."])
def test_odd_study_names_make_plain_object_names(store: ArtifactStore, owner: str) -> None:
    name = store.write("figure", owner, b"data", ".html")
    assert store.path(name).parent == store.root
    assert names(store) == [name]
    assert store.read(name) == b"data"


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/passwd", "a/b", "..", ".", "", ".unfinished-x", "x/", "./x"]
)
def test_names_that_lead_out_of_the_folder_are_refused(store: ArtifactStore, name: str) -> None:
    (store.root.parent / "secret").write_bytes(b"secret")
    for use in (store.path, store.read, store.sha256, store.remove):
        with pytest.raises(ArtifactError, match=r"artifacts: received .*, expected the name"):
            use(name)
    assert (store.root.parent / "secret").exists()


def test_missing_object_is_one_error_that_names_it(store: ArtifactStore) -> None:
    for use in (store.read, store.sha256):
        with pytest.raises(ArtifactError, match=r"model-x\.bin: No such file") as caught:
            use("model-x.bin")
        assert "\n" not in str(caught.value)
        assert isinstance(caught.value.__cause__, FileNotFoundError)


def test_removing_is_done_once_and_nothing_needs_no_removing(store: ArtifactStore) -> None:
    name = store.write("model", "study", b"data")
    store.remove(name)
    store.remove(name)
    store.remove(None)
    assert names(store) == []


FULL = """
import resource, signal, sys
from studyhall.storage.artifacts import artifact_store, atomic_files

store = artifact_store.open_store(sys.argv[1])
kept = store.write("checkpoint", "study-1", b"x" * 1000)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    store.write("checkpoint", "study-1", b"x" * 100_000)
except atomic_files.ArtifactError as error:
    print(kept, error, sep="\\n")
"""


def test_full_disk_is_one_error_and_leaves_nothing_behind(store: ArtifactStore) -> None:
    command = [sys.executable, "-c", FULL, str(store.root)]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    kept, message = told.stdout.splitlines()
    assert "File too large" in message
    assert str(store.root) in message
    assert names(store) == [kept]
    assert store.read(kept) == b"x" * 1000


KILLED = """
import os, signal, sys
from pathlib import Path
from studyhall.storage.artifacts import atomic_files

with atomic_files.replacing(Path(sys.argv[1])) as unfinished:
    unfinished.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_killed_writer_leaves_no_object_and_is_swept_after_half_an_hour(
    store: ArtifactStore,
) -> None:
    target = store.path(store.new_name("model", "study"))
    killed = subprocess.run([sys.executable, "-c", KILLED, str(target)], check=False)
    assert killed.returncode < 0
    assert not target.exists()
    assert store.objects() == []
    (left,) = names(store)
    artifact_store.open_store(store.root)  # somebody may still be writing to it
    assert names(store) == [left]
    os.utime(store.root / left, (0, 0))
    kept = store.write("model", "study", b"old but finished")
    os.utime(store.path(kept), (0, 0))
    artifact_store.open_store(store.root)
    assert names(store) == [kept]


def test_what_a_killed_writer_left_is_swept_by_the_next_one_of_its_trial(
    store: ArtifactStore,
) -> None:
    for kind, owner in (("checkpoint", "digits-1"), ("checkpoint", "digits-11")):
        target = store.path(store.new_name(kind, owner))
        subprocess.run([sys.executable, "-c", KILLED, str(target)], check=False)
    assert len(names(store)) == 2
    store.sweep(artifact_store.start("checkpoint", "digits-1"))
    (left,) = names(store)
    assert "checkpoint-digits-11-" in left


def test_objects_come_oldest_first_with_sizes(store: ArtifactStore) -> None:
    young, old = aged(store, b"12345", 10.0), aged(store, b"123", 1000.0)
    (store.root / ".hidden").write_bytes(b"x")
    (store.root / "folder").mkdir()
    assert [(one.name, one.size) for one in store.objects()] == [(old, 3), (young, 5)]
    assert abs(store.objects()[0].modified_at - (time.time() - 1000.0)) < 60.0


def test_a_name_says_what_the_object_is_and_whose(store: ArtifactStore) -> None:
    for owner, trial in (("digits-7", 7), ("digits-7-12", 12), ("a.b_c-0", 0)):
        store.write("checkpoint", owner, b"x")
        (found,) = store.objects()
        assert (found.kind, found.trial) == ("checkpoint", trial)
        store.remove(found.name)
    for stranger in ("5f0c.bin", "model-digits-3.keras", "notes.txt"):  # uploads, and the user's
        store.path(stranger).write_bytes(b"x")
    assert {(one.kind, one.trial) for one in store.objects()} == {("", None)}


def test_the_size_of_all_counts_subfolders(store: ArtifactStore) -> None:
    assert store.total_bytes() == 0
    store.write("model", "study-1", b"x" * 70)
    (store.root / "best").mkdir()
    (store.root / "best" / "model.keras").write_bytes(b"x" * 30)
    assert store.total_bytes() == 100


def test_opening_creates_folders_and_takes_file_urls(tmp_path: Path) -> None:
    store = artifact_store.open_store(f"file://{tmp_path}/a/b")
    assert store.root == tmp_path / "a" / "b"
    assert store.root.is_dir()


def test_opening_refuses_what_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ArtifactError, match=r"/file: File exists"):
        artifact_store.open_store(tmp_path / "file")
    with pytest.raises(ArtifactError, match=r"received 's3://bucket/x', expected a folder"):
        artifact_store.open_store("s3://bucket/x")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_opening_refuses_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with pytest.raises(ArtifactError, match="this folder cannot be written to"):
            artifact_store.open_store(tmp_path)
    finally:
        tmp_path.chmod(stat.S_IRWXU)


def test_folder_that_has_gone_is_one_error(store: ArtifactStore) -> None:
    store.root.rmdir()
    with pytest.raises(ArtifactError, match="No such file or directory"):
        store.write("model", "study", b"data")
