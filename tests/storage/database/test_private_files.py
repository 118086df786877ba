"""Files that only their user can read, or the group of a folder that is shared."""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studyhall.storage.artifacts import atomic_files
from studyhall.storage.database import Database, private_files

PERMISSIONS = st.integers(0, 0o777)
EACH = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@contextlib.contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder that its group shares."""
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o2770)
    return tmp_path / "shared"


@EACH
@given(mask=PERMISSIONS)
def test_others_never_read_it_and_a_stricter_umask_holds(tmp_path: Path, mask: int) -> None:
    mask &= 0o077  # without rights of its own, a user could not even go on
    with umask(mask):
        at = tmp_path / f"{mask:o}"
        private_files.make_folder(at / "a" / "b")
        atomic_files.write_whole(at / "whole", b"x")
        private_files.create(at / "made")
        with open(at / "opened", "ab", opener=private_files.opener):
            pass
    assert {mode(path) for path in (at, at / "a", at / "a" / "b")} == {0o700}
    assert {mode(at / name) for name in ("whole", "made", "opened")} == {0o600}


@EACH
@given(mask=st.integers(0, 0o7).map(lambda some: some << 3 | 0o7))
def test_a_group_reads_and_writes_in_its_folder_as_the_umask_allows(
    shared: Path, mask: int
) -> None:
    with umask(mask):
        at = shared / f"{mask:o}"
        private_files.make_folder(at)
        atomic_files.write_whole(shared / "whole", b"x")
    assert mode(at) == 0o2770 & ~mask and mode(shared / "whole") == 0o660 & ~mask
    if mask == 0o007:  # and so on below it
        private_files.create(at / "made")
        assert mode(at / "made") & 0o007 == 0 and at.stat().st_gid == shared.stat().st_gid
    at.rmdir() if mask != 0o007 else (at / "made").unlink()
    (shared / "whole").unlink()


@pytest.mark.parametrize("folder", [0o770, 0o2750, 0o2755, 0o777])
def test_only_a_folder_that_passes_its_group_on_and_is_writable_for_it_is_shared(
    tmp_path: Path, folder: int
) -> None:
    tmp_path.chmod(folder)
    with umask(0):
        private_files.create(tmp_path / "made")
        private_files.make_folder(tmp_path / "folder")
    assert (mode(tmp_path / "made"), mode(tmp_path / "folder") & 0o777) == (0o600, 0o700)
    assert mode(tmp_path) == folder


@EACH
@given(found=PERMISSIONS.map(lambda some: some | 0o600))
def test_what_is_there_keeps_its_mode(tmp_path: Path, found: int) -> None:
    file, folder = tmp_path / "file", tmp_path / "folder"
    file.write_bytes(b"old")
    file.chmod(found)
    folder.mkdir(exist_ok=True)
    folder.chmod(found | 0o700)
    atomic_files.write_whole(file, b"new")
    private_files.make_folder(folder)
    assert (file.read_bytes(), mode(file), mode(folder)) == (b"new", found, found | 0o700)


def test_what_others_are_to_read_has_the_umasks_mode(tmp_path: Path) -> None:
    with umask(0o027):
        atomic_files.write_whole(tmp_path / "study.toml", b"", private=False)
    assert mode(tmp_path / "study.toml") == 0o640


def test_a_link_that_is_replaced_gives_nobody_its_mode(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    atomic_files.write_whole(tmp_path / "link", b"y", follow=False)
    assert not (tmp_path / "link").is_symlink() and mode(tmp_path / "link") == 0o600
    assert (tmp_path / "target").read_bytes() == b"x"


def test_what_a_converter_has_written_gets_the_modes_of_its_place(
    tmp_path: Path, shared: Path
) -> None:
    for place, file, folder in ((tmp_path, 0o600, 0o700), (shared, 0o640, 0o750)):
        made = tmp_path / "made"
        (made / "variables").mkdir(parents=True)
        (made / "saved.pb").write_bytes(b"x")
        for path in (made, made / "variables"):
            path.chmod(0o755)
        (made / "saved.pb").chmod(0o644)
        private_files.settle(made, place / "model")
        made.replace(place / "model")
        found = place / "model"
        assert (mode(found / "saved.pb"), mode(found / "variables")) == (file, folder)


@pytest.mark.parametrize("url", ["sqlite:///studyhall.db", "sqlite:///file:studyhall.db?uri=true"])
def test_a_database_and_its_companions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "studyhall.db"
    with umask(0o022), contextlib.closing(Database.open(url)) as db:
        db.transaction(lambda transaction: transaction.run("SELECT 1"))
        there = {each.name: mode(each) for each in tmp_path.glob("studyhall.db*")}
    assert len(there) == 3 and set(there.values()) == {0o600}, there
    path.chmod(0o640)
    with contextlib.closing(Database.open(url)):
        assert {mode(each) for each in tmp_path.glob("studyhall.db*")} == {0o640}
