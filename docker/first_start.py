"""The containers' first start: makes passwords, and volumes that they may write to.

Nobody has to think of a password. Each folder is a volume that only those mount which need it:

    owner/    password, url    of the database's owner: postgres, prepare, worker
    reader/   password, url    of a role that may only SELECT: postgres, dashboard
    service/  users.json, viewer    who may log in to the dashboard; the viewer's password
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

from studyhall.search.dashboard import users
from studyhall.search.dashboard.users import Role

DATABASE = "studyhall"
ROLES = {"owner": "studyhall", "reader": "studyhall_reader"}
SERVICE = 10001  # the images' user
READABLE = 0o444  # whoever may mount the volume may read it, PostgreSQL's own user too
OWN = 0o400


def main(folder: Path, host: str, *volumes: Path) -> None:
    """Make what is missing.

    Args:
        folder: of the three volumes with secrets.
        host: of PostgreSQL, with its port.
        volumes: that the images' user writes to.
    """
    _give_away(*volumes)
    for name, role in ROLES.items():
        password = _secret(folder / name / "password")
        url = f"postgresql://{role}:{password}@{host}/{DATABASE}\n"
        _write(folder / name / "url", url, READABLE)
    file = folder / "service" / "users.json"
    if not file.exists():
        shown = folder / "service" / "viewer"
        users.add(file, "viewer", Role.VIEWER, _secret(shown, OWN))
        _give_away(file.parent, file, shown)


def _secret(path: Path, mode: int = READABLE) -> str:
    if not path.exists():
        _write(path, secrets.token_urlsafe(24), mode)
    return path.read_text(encoding="utf-8")


def _write(path: Path, text: str, mode: int) -> None:
    unfinished = path.with_name(f".{path.name}")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.chmod(mode)
    unfinished.replace(path)


def _give_away(*paths: Path) -> None:
    """Let the dashboard's user change them: `studyhall users add` runs in its container."""
    if os.getuid() == 0:
        for path in paths:
            os.chown(path, SERVICE, SERVICE)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], *map(Path, sys.argv[3:]))
