"""The parts of a URL that may be shown; places where SQLite can't work, by Linux's mounts."""

from pathlib import Path

import psutil
import psycopg
import pytest

from studyhall.storage.database import urls

# Lines of real machines: a container, a laptop with shares, WSL.
MOUNTS = """\
/dev/root / ext4 rw,noatime 0 0
proc /proc proc rw,nosuid,nodev,noexec,relatime 0 0
tmpfs /tmp tmpfs rw,nosuid,nodev 0 0
server:/export/home /home nfs4 rw,relatime 0 0
/dev/sdb1 /home/ann/local xfs rw,relatime 0 0
//nas/share /mnt/my\\040share cifs rw,relatime 0 0
ann@host:/data /mnt/remote fuse.sshfs rw,nosuid,nodev,relatime 0 0
C:\\134 /mnt/c 9p rw,noatime 0 0
overlay /layers overlay rw,relatime 0 0
share /host virtiofs rw,relatime 0 0
tank/pool /pool zfs rw,relatime 0 0
/dev/sdc /deep btrfs rw,relatime 0 0
/dev/sdd /twice ext4 rw,relatime 0 0
server:/twice /twice nfs rw,relatime 0 0
"""


@pytest.fixture
def mounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which psutil finds the mounts."""
    path = tmp_path / "proc" / "self" / "mounts"
    path.parent.mkdir(parents=True)
    path.write_text(MOUNTS)
    (tmp_path / "proc" / "filesystems").touch()
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(tmp_path / "proc"))
    return path


@pytest.mark.usefixtures("mounts")
@pytest.mark.parametrize(
    ("path", "kind", "network"),
    [
        ("/srv/studyhall.db", "ext4", False),
        ("/tmp/studyhall.db", "tmpfs", False),
        ("/home/ann/studyhall.db", "nfs4", True),
        ("/home/ann/local/studyhall.db", "xfs", False),
        ("/homestead/studyhall.db", "ext4", False),
        ("/mnt/my share/studyhall.db", "cifs", True),
        ("/mnt/remote/a/b/studyhall.db", "fuse.sshfs", True),
        ("/mnt/c/studyhall.db", "9p", True),
        ("/layers/studyhall.db", "overlay", False),
        ("/host/studyhall.db", "virtiofs", False),
        ("/pool/studyhall.db", "zfs", False),
        ("/deep/studyhall.db", "btrfs", False),
        ("/twice/studyhall.db", "nfs", True),
    ],
)
def test_file_systems_are_recognised(path: str, kind: str, network: bool) -> None:
    assert urls.file_system(Path(path)) == kind
    assert urls.is_network(kind) == network


@pytest.mark.usefixtures("mounts")
def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "shared").symlink_to("/home/ann")
    assert urls.file_system(tmp_path / "shared" / "studyhall.db") == "nfs4"


def test_without_a_list_of_mounts_nothing_is_refused(mounts: Path, tmp_path: Path) -> None:
    mounts.unlink()
    assert urls.file_system(tmp_path) is None
    assert not urls.is_network(None)


def test_this_machines_folder_for_tests_is_fine(tmp_path: Path) -> None:
    assert not urls.is_network(urls.file_system(tmp_path))


@pytest.mark.parametrize("before", ["", "ann@", "ann:s3cret@"])
@pytest.mark.parametrize("first", ["", "sslmode=require&", "user=ann&"])
def test_no_secret_of_libpq_is_shown(before: str, first: str) -> None:
    hidden = {
        option.keyword.decode()
        for option in psycopg.pq.Conninfo.get_defaults()
        if option.dispchar == b"*"
    }
    assert {"password", "sslpassword"} <= hidden
    for name in {*hidden, *urls.SECRETS}:
        url = f"postgresql://{before}host/db?{first}{name}=s3cret&x=1"
        assert "s3cret" not in urls.shown(url) and "x=1" in urls.shown(url), name
        assert "s3cret" not in urls.shown(f"nonsense://{url}"), name
        assert "s3cret" not in urls.shown(url.replace("host", "host:port")), name


def test_an_empty_file_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "studyhall.db"
    path.touch()
    with pytest.raises(urls.StorageError, match="the file is empty"):
        urls.check_file(urls.address(f"sqlite:///{path}"), create=False)
    urls.check_file(urls.address(f"sqlite:///{path}"), create=True)
