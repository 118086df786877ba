"""Which file system a path lies on, and whether SQLite can work there with several workers.

SQLite's write-ahead log needs memory that all its processes share and file locks that hold
(sqlite.org/wal.html), which file systems over a network do not give.
"""

import contextlib
import os
import re
from pathlib import Path

_NETWORK = {
    "9p", "afs", "beegfs", "ceph", "cifs", "davfs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs",
    "nfs4", "ocfs2", "orangefs", "smb2", "smb3", "smbfs", "fuse.ceph", "fuse.davfs2",
    "fuse.gcsfuse", "fuse.glusterfs", "fuse.juicefs", "fuse.mfs", "fuse.rclone", "fuse.s3fs",
    "fuse.sshfs",
}  # fmt: skip


def kind(path: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str | None:
    """The type of the file system that `path` lies on, None where there is no list of mounts.

    Args:
        path: a file or folder, there or not; links are followed.
        mounts: the list, as in the manual page proc_pid_mountinfo(5).
    """
    with contextlib.suppress(OSError):
        holding = [mount for mount in _read(mounts) if _holds(mount[0], path)]
        # Of the deepest mount points the last one mounted hides the others.
        return (
            max(enumerate(holding), key=lambda m: (len(m[1][0]), m[0]))[1][1] if holding else None
        )
    return None


def is_network(kind: str | None) -> bool:
    """Whether a file system of this type is reached over a network."""
    return kind in _NETWORK


def _read(mounts: Path) -> list[tuple[str, str]]:
    """Mount points and types, in the order of mounting."""
    lines = [line.split(" ") for line in mounts.read_text().splitlines()]
    return [(_unescaped(line[4]), line[line.index("-") + 1]) for line in lines]


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)


def _holds(mount: str, path: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(mount)
