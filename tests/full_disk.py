"""A small disk of the fixture `small_disk`, filled to its last byte."""

from pathlib import Path


def fill(disk: Path) -> Path:
    """Fill a disk; return the file that does, to be deleted."""
    assert disk.is_mount(), "the machine's own disk must not be filled"
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return ballast
