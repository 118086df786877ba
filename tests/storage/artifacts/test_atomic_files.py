"""Files are replaced as a whole or not at all; links, pipes and folders stay what they are."""

import os
import time
from pathlib import Path

import pytest

from studyhall.storage.artifacts import atomic_files


def test_reader_sees_the_old_content_until_the_new_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    atomic_files.write_whole(path, b"old")
    with atomic_files.replacing(path) as unfinished:
        unfinished.write_bytes(b"ne")
        assert path.read_bytes() == b"old"
        assert unfinished.suffix == ".html"
        unfinished.write_bytes(b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["report.html"]


@pytest.mark.parametrize("durable", [False, True])
def test_failed_writing_leaves_the_old_content_alone(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "model.keras"
    atomic_files.write_whole(path, b"old", durable=durable)
    with (
        pytest.raises(ZeroDivisionError),
        atomic_files.replacing(path, durable=durable) as unfinished,
    ):
        unfinished.write_bytes(b"half")
        raise ZeroDivisionError
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["model.keras"]


def test_a_pipe_is_written_to_and_stays_one(tmp_path: Path) -> None:
    """Likewise a device: as root, /dev/stdout would be replaced for the whole machine."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    atomic_files.write_whole(pipe, b"whole")
    assert os.read(reader, 10) == b"whole" and pipe.is_fifo()
    os.close(reader)
    assert [*tmp_path.iterdir()] == [pipe]


def test_a_link_stays_one(tmp_path: Path) -> None:
    there, link = tmp_path / "there", tmp_path / "link"
    there.write_bytes(b"old")
    link.symlink_to(there)
    atomic_files.write_whole(link, b"new")
    assert there.read_bytes() == b"new" and link.is_symlink()


@pytest.mark.parametrize("name", [".", "", "folder"])
def test_a_folder_is_no_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(atomic_files.ArtifactError, match="Is a directory"):
        atomic_files.write_whole(Path(name), b"x")


@pytest.mark.parametrize("ahead_s", [-7200.0, 7200.0])
def test_what_is_forgotten_is_told_by_the_file_systems_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead_s: float
) -> None:
    """The clock of a file system may be another machine's, two hours ahead or behind."""
    there = time.time()
    monkeypatch.setattr(time, "time", lambda: there + ahead_s)
    young, old = (tmp_path / f".unfinished-{digit * 32}-x.bin" for digit in "01")
    for path, age_s in ((young, 1700.0), (old, 1900.0)):
        path.touch()
        os.utime(path, (there - age_s, there - age_s))
    now = atomic_files.clock(tmp_path)
    assert now is not None and abs(now - there) < 60.0
    atomic_files.sweep(tmp_path)
    assert [*tmp_path.iterdir()] == [young]


def test_nothing_is_forgotten_where_the_clock_cannot_be_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, own = (tmp_path / f".unfinished-{'0' * 32}-{name}.bin" for name in ("x", "mine"))
    for path in (old, own):
        path.touch()
        os.utime(path, (0, 0))
    monkeypatch.setattr(atomic_files, "clock", lambda folder: None)
    atomic_files.sweep(tmp_path, own="mine")
    assert [*tmp_path.iterdir()] == [old]
