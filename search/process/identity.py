"""What a worker process is called, by itself and by its launcher."""

from __future__ import annotations

import getpass
import os
import socket

from studyhall.search.process import device
from studyhall.storage.leases.leases import Worker

PLACE = "STUDYHALL_WORKER"  # set by a launcher: the place that the process fills


def this_process() -> Worker:
    """This process as a worker of a study."""
    pid = os.getpid()
    place = os.environ.get(PLACE, "worker")
    return Worker(name(place, pid), socket.gethostname(), pid, device.name(), device.devices())


def name(place: str, pid: int) -> str:
    """The name, which no other worker of the study has, of a process on this machine."""
    return f"{place}@{socket.gethostname()}:{pid}"


def who() -> str:
    """Whose process this is, for people: user@host."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container that knows no name for its user
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
