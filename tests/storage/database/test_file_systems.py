"""Where SQLite must not live, by the list of mounts that Linux keeps."""

from pathlib import Path

import pytest

from studyhall.storage.database import file_systems

# Lines of real machines: a container, a laptop with shares, WSL.
MOUNTS = """\
22 1 254:0 / / rw,noatime - ext4 /dev/root rw
23 22 0:21 / /proc rw,nosuid,nodev,noexec,relatime shared:12 - proc proc rw
24 22 0:22 / /tmp rw,nosuid,nodev shared:13 - tmpfs tmpfs rw,size=65536k
31 22 0:45 / /home rw,relatime shared:40 - nfs4 server:/export/home rw,vers=4.2,proto=tcp
32 31 0:46 /ann/local /home/ann/local rw,relatime - xfs /dev/sdb1 rw,attr2
33 22 0:47 / /mnt/my\\040share rw,relatime shared:41 master:7 - cifs //nas/share rw,vers=3.1.1
34 22 0:48 / /mnt/remote rw,nosuid,nodev,relatime - fuse.sshfs ann@host:/data rw,user_id=1000
35 22 0:49 / /mnt/c rw,noatime - 9p C:\\134 rw,dirsync,aname=drvfs
36 22 0:50 / /layers rw,relatime - overlay overlay rw,lowerdir=/a:/b,upperdir=/c,workdir=/d
37 22 0:51 / /host rw,relatime - virtiofs share rw
38 22 0:52 / /pool rw,relatime - zfs tank/pool rw,xattr
39 22 0:53 /sub /deep rw,relatime - btrfs /dev/sdc rw,subvol=/sub
40 22 0:54 / /twice rw,relatime - ext4 /dev/sdd rw
41 40 0:55 / /twice rw,relatime - nfs server:/twice rw,vers=3
"""


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    path = tmp_path / "mountinfo"
    path.write_text(MOUNTS)
    return path


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
def test_file_systems_are_recognised(mounts: Path, path: str, kind: str, network: bool) -> None:
    assert file_systems.kind(Path(path), mounts) == kind
    assert file_systems.is_network(kind) == network


def test_links_are_followed(mounts: Path, tmp_path: Path) -> None:
    (tmp_path / "shared").symlink_to("/home/ann")
    assert file_systems.kind(tmp_path / "shared" / "studyhall.db", mounts) == "nfs4"


def test_without_a_list_of_mounts_nothing_is_refused(tmp_path: Path) -> None:
    assert file_systems.kind(tmp_path, tmp_path / "no list") is None
    assert not file_systems.is_network(None)


def test_this_machines_folder_for_tests_is_fine(tmp_path: Path) -> None:
    assert not file_systems.is_network(file_systems.kind(tmp_path))
