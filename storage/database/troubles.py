"""The troubles for which a database takes no transactions: a full disk, a lock, no connection."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from studyhall.storage.database import dialects

_LEAST_BYTES = 2**18  # with less, SQLite's other errors are the full disk's doing


@dataclass(frozen=True)
class Trouble:
    """A reason that may pass.

    Attributes:
        waiting: "waiting for …", for whoever wonders why nothing happens.
        said: what is wrong, for who gives up.
        is_full: True if there is no space left.
    """

    waiting: str
    said: str
    is_full: bool = False


def of(cause: Exception, database: str, file: Path | None) -> Trouble:
    """Return the trouble behind a driver's error.

    Args:
        cause: the error, one that may pass.
        database: the URL, without the password.
        file: the SQLite file; None for a server.
    """
    locked = dialects.contended(cause)
    if dialects.is_full(cause) or (file is not None and not locked and _is_full(file)):
        place = "the disk of its server" if file is None else str(_mount(file))
        said = f"no space is left on {place}"
        return Trouble(f"waiting for space on {place} (database {database})", said, is_full=True)
    if locked:
        what = f"another program, which has locked it (database {database})"
        return Trouble(f"waiting for {what}", f"not reachable: {reason(cause)}")
    said = f"not reachable: {reason(cause)}"
    return Trouble(f"waiting for the database {database}: {reason(cause)}", said)


def reason(error: BaseException) -> str:
    """Return an error's text in one line, at most 400 characters of it."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return " ".join(line.strip() for line in lines)[:400]


def _is_full(file: Path) -> bool:
    try:
        return shutil.disk_usage(file.parent).free < _LEAST_BYTES
    except OSError:
        return False


def _mount(file: Path) -> Path:
    real = Path(os.path.realpath(file))
    return next(path for path in (real, *real.parents) if path.is_mount())
