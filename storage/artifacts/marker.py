"""The marker of a study in its folder, by which a machine sees that it has the right folder.

A folder of the same name may be another one: on a node on which the shared one is not mounted.
The marker is an empty hidden file with an identifier as its name: it needs no space on a full disk.
"""

import uuid
from pathlib import Path

from studyhall.storage.database import private_files


def make(folder: Path) -> str | None:
    """Make a marker; return its name, or None if the folder can't be written to."""
    name = f".study-{uuid.uuid4().hex}"
    try:
        private_files.create(folder / name)
    except OSError:  # then trainings go on without checkpoints, and nobody looks for a marker
        return None
    return name


def is_there(folder: Path, name: str | None) -> bool:
    """Tell whether a folder, as this machine sees it, has the marker; True if none was made."""
    return name is None or (folder / name).exists()
