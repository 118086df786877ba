"""Files are replaced as a whole or not at all; links, pipes and folders stay what they are."""

import os
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
