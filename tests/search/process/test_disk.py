"""Room on a disk, and what is said when there is little."""

from studyhall.search.process import disk as room


def test_a_disk_with_room_is_not_mentioned(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "LEAST", 1)
    assert room.shortage(tmp_path) == "" and room.free_bytes(tmp_path) > 1


def test_a_small_disk_is(small_disk):
    disk = small_disk(200 * 1024)
    (disk / "half").write_bytes(bytes(100 * 1024))
    assert 0 < room.free_bytes(disk) <= 100 * 1024
    assert room.shortage(disk).startswith(f"the disk of {disk} has only 0.1 MiB left: ")


def test_a_folder_that_is_gone_tells_nothing(tmp_path):
    assert room.free_bytes(tmp_path / "gone") is None and room.shortage(tmp_path / "gone") == ""
