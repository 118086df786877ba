"""Which errors pass, and where SQLite must not live."""

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from storage import connections

MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
tmpfs /tmp tmpfs rw 0 0
server:/home /home nfs4 rw 0 0
//nas/share /mnt/my\\040share cifs rw 0 0
/dev/sdb1 /home/local ext4 rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/ann/studyhall.db", "nfs4"),
        ("/mnt/my share/studyhall.db", "cifs"),
        ("/home/local/studyhall.db", None),
        ("/homestead/studyhall.db", None),
        ("/tmp/studyhall.db", None),
    ],
)
def test_a_network_file_system_is_recognised(tmp_path: Path, path: str, kind: str | None) -> None:
    (tmp_path / "mounts").write_text(MOUNTS)
    assert connections.network_file_system(Path(path), tmp_path / "mounts") == kind


def test_without_a_list_of_mounts_nothing_is_refused(tmp_path: Path) -> None:
    assert connections.network_file_system(tmp_path, tmp_path / "mounts") is None


def raised(call: Callable[[], object]) -> Exception:
    try:
        call()
    except Exception as error:
        return error
    raise AssertionError("it has not failed")


def test_sqlites_errors_are_told_apart(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "a.db", timeout=0)) as one:
        one.execute("BEGIN IMMEDIATE")
        with contextlib.closing(sqlite3.connect(tmp_path / "a.db", timeout=0)) as two:
            busy = raised(lambda: two.execute("BEGIN IMMEDIATE"))
            mistake = raised(lambda: two.execute("SELECT nonsense"))
    lost = raised(lambda: sqlite3.connect(tmp_path / "no" / "folder.db"))
    assert connections.passes(busy)
    assert connections.contended(busy)
    assert connections.passes(lost)
    assert not connections.contended(lost)
    assert not connections.passes(mistake)


def test_postgres_errors_are_told_apart(postgres_url: str) -> None:
    refused = raised(lambda: psycopg.connect("postgresql://x@localhost:1/x"))
    unknown = raised(lambda: psycopg.connect(postgres_url, dbname="unknown"))
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        mistake = raised(lambda: connection.execute("SELECT nonsense"))
        connection.execute("SET statement_timeout = 10")
        late = raised(lambda: connection.execute("SELECT pg_sleep(1)"))
    assert connections.passes(refused)
    assert not connections.contended(refused)
    assert not connections.passes(unknown)
    assert not connections.passes(mistake)
    assert connections.passes(late)
    assert connections.passes(psycopg.errors.DeadlockDetected())
    assert connections.contended(psycopg.errors.DeadlockDetected())
